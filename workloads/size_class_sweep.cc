// Every block size, one after the other: 8, 16, ..., 512, and back. Each step allocates its blocks
// before it frees those of the step before, so two size classes live at a time and the pools that
// one leaves empty serve the next but one. On the way up the oldest block is freed first, on the
// way down the newest.
#include <algorithm>
#include <utility>
#include <vector>

#include "workloads/generators.h"
#include "workloads/program.h"

namespace pymemlab {
namespace {

constexpr std::uint64_t kSizeStep = 8;
constexpr std::uint64_t kSizes = 64;
static_assert(kSizeStep * kSizes == 512);

void shuffle(std::vector<Slot>& blocks, Random& random) {
  for (std::size_t i = blocks.size(); i > 1; --i) std::swap(blocks[i - 1], blocks[random.below(i)]);
}

void free_all(Program& program, const std::vector<Slot>& blocks) {
  for (const Slot slot : blocks) program.free(Domain::obj, slot);
}

}  // namespace

void generate_size_class_sweep(const WorkloadParameters& parameters, TraceWriter& trace) {
  constexpr std::uint64_t kSteps = 2 * kSizes;  // up, then down
  Program program(parameters, trace);
  const std::uint64_t blocks = std::clamp<std::uint64_t>(parameters.events / (2 * kSteps), 1, 8192);
  std::vector<Slot> before;
  for (std::uint64_t step = 0; program.goes_on(); ++step) {
    const std::uint64_t place = step % kSteps;
    const bool down = place >= kSizes;
    const std::uint64_t bytes = kSizeStep * (down ? kSteps - place : place + 1);
    std::vector<Slot> now(blocks);
    for (Slot& slot : now) slot = program.malloc(Domain::obj, bytes);
    if (down) shuffle(before, program.random());
    free_all(program, before);
    before = std::move(now);
  }
  program.begin_teardown();
  free_all(program, before);
}

}  // namespace pymemlab
