// A program in phases: a ramp of new objects, a plateau on which half of them are replaced, a drain
// that leaves one in a hundred, scattered over all arenas. Sizes differ from phase to phase, so
// what the survivors pin is of no use to the next phase. Survivors go five phases later.
#include <algorithm>
#include <array>
#include <deque>
#include <utility>
#include <vector>

#include "workloads/generators.h"
#include "workloads/program.h"

namespace pymemlab {
namespace {

struct SizeRange {
  std::uint64_t low;
  std::uint64_t high;
};
constexpr std::array kSizeRanges = {SizeRange{24, 96}, SizeRange{160, 256}, SizeRange{300, 480},
                                    SizeRange{64, 160}};
constexpr std::size_t kPhasesSurvived = 5;
constexpr std::uint64_t kOneSurvivorIn = 100;

using Survivors = std::vector<Slot>;

Survivors run_phase(Program& program, std::uint64_t objects, SizeRange sizes) {
  Random& random = program.random();
  const auto make = [&] {
    return program.malloc(Domain::obj, random.between(sizes.low, sizes.high));
  };
  std::vector<Slot> live(objects);
  for (Slot& slot : live) slot = make();
  for (std::uint64_t i = 0; i < objects / 2; ++i) {
    Slot& replaced = live[random.below(objects)];
    program.free(Domain::obj, replaced);
    replaced = make();
  }
  Survivors survivors;
  for (const Slot slot : live) {
    if (random.chance(1, kOneSurvivorIn)) {
      survivors.push_back(slot);
    } else {
      program.free(Domain::obj, slot);
    }
  }
  return survivors;
}

void drop(Program& program, const Survivors& survivors) {
  for (const Slot slot : survivors) program.free(Domain::obj, slot);
}

}  // namespace

void generate_phases(const WorkloadParameters& parameters, TraceWriter& trace) {
  Program program(parameters, trace);
  const std::uint64_t objects = std::clamp<std::uint64_t>(parameters.events / 30, 1, 60'000);
  std::deque<Survivors> generations;
  for (std::size_t phase = 0; program.goes_on(); ++phase) {
    generations.push_back(run_phase(program, objects, kSizeRanges[phase % kSizeRanges.size()]));
    if (generations.size() > kPhasesSurvived) {
      drop(program, generations.front());
      generations.pop_front();
    }
  }
  program.begin_teardown();
  for (const Survivors& survivors : generations) drop(program, survivors);
}

}  // namespace pymemlab
