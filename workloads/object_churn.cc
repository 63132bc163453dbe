// Objects of the usual kinds and sizes, most of which die within the next few dozen allocations,
// while one in ten stays for as long as the population lasts. After a ramp the number of live
// objects stays where it is.
#include <algorithm>
#include <utility>
#include <vector>

#include "workloads/generators.h"
#include "workloads/python_objects.h"

namespace pymemlab {
namespace {

// How many of the newest objects the young deaths choose among.
constexpr std::uint64_t kNursery = 64;

std::uint64_t object_bytes(Program& program) {
  Random& random = program.random();
  const std::uint64_t kind = random.below(100);
  if (kind < 20) return kFloatBytes;
  if (kind < 40) return kIntBytes;
  if (kind < 65) return str_bytes(program.log_uniform(1, 128));
  if (kind < 85) return tuple_bytes(random.between(1, 6));
  if (kind < 92) return kListBytes;
  if (kind < 97) return kDictBytes;
  return bytes_bytes(program.log_uniform(64, 4096));
}

}  // namespace

void generate_object_churn(const WorkloadParameters& parameters, TraceWriter& trace) {
  Program program(parameters, trace);
  Random& random = program.random();
  const std::uint64_t population = std::clamp<std::uint64_t>(parameters.events / 8, 1, 60'000);
  std::vector<Slot> live;
  while (program.goes_on()) {
    live.push_back(program.malloc(Domain::obj, object_bytes(program)));
    if (live.size() <= population) continue;
    const std::uint64_t among =
        random.chance(9, 10) ? std::min<std::uint64_t>(kNursery, live.size()) : live.size();
    Slot& dying = live[live.size() - 1 - random.below(among)];
    program.free(Domain::obj, dying);
    dying = live.back();
    live.pop_back();
  }
  program.begin_teardown();
  for (const Slot slot : live) program.free(Domain::obj, slot);
}

}  // namespace pymemlab
