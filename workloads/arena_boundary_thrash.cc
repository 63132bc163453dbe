// A live set that hovers where arenas are exactly full. A few blocks more and a new arena is
// mapped; they go, newest first, and it is empty. CPython up to 3.8 unmaps it at once and maps it
// again at the next swing; 3.9 keeps the last one, so nothing happens. Only the geometries with 256
// KiB arenas differ in this, so the level fits those.
//
// A request of 480 bytes fills 64 pools of 8 blocks (512 in an arena) as it is, and 64 pools of
// 7 blocks (448) with 24 or 32 bytes of debug hooks around it. 3584 blocks fill 7 arenas in the one
// case, 8 in the other: the boundary is the same in every configuration.
#include <vector>

#include "workloads/generators.h"
#include "workloads/program.h"

namespace pymemlab {
namespace {

constexpr std::uint64_t kRequestBytes = 480;
constexpr std::uint64_t kBoundary = 3584;
static_assert(kBoundary == 7 * 64 * 8 && kBoundary == 8 * 64 * 7);
constexpr std::uint64_t kLargestSwing = 64;

}  // namespace

void generate_arena_boundary_thrash(const WorkloadParameters& parameters, TraceWriter& trace) {
  Program program(parameters, trace);
  // Where the boundary costs too many events, the one at no arena at all serves as well.
  const std::uint64_t level = parameters.events < 4 * kBoundary ? 0 : kBoundary;
  std::vector<Slot> base(level);
  for (Slot& slot : base) slot = program.malloc(Domain::obj, kRequestBytes);
  std::vector<Slot> swing;
  while (program.goes_on()) {
    const std::uint64_t blocks = program.random().between(1, kLargestSwing);
    while (swing.size() < blocks) swing.push_back(program.malloc(Domain::obj, kRequestBytes));
    for (; !swing.empty(); swing.pop_back()) program.free(Domain::obj, swing.back());
  }
  program.begin_teardown();
  for (const Slot slot : base) program.free(Domain::obj, slot);
}

}  // namespace pymemlab
