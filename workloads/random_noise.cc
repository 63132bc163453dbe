// The function random_noise(number) of the Cython tutorial on memory allocation, called with ever
// new numbers: PyMem_Malloc(number * sizeof(double)), one Python float made and dropped for each
// element, the buffer turned into a list of floats, PyMem_Free. The caller keeps the last results.
#include <algorithm>
#include <deque>
#include <vector>

#include "workloads/generators.h"
#include "workloads/python_objects.h"

namespace pymemlab {
namespace {

struct Result {
  GrowingList list;
  std::vector<Slot> floats;
};

constexpr std::size_t kResultsKept = 96;
constexpr std::uint64_t kLargestWorkingSet = 8192;

Result random_noise(Program& program, std::uint64_t number) {
  const Slot buffer = program.malloc(Domain::mem, number * sizeof(double));
  for (std::uint64_t i = 0; i < number; ++i) {
    program.free(Domain::obj, program.malloc(Domain::obj, kFloatBytes));
  }
  Result result{.list = GrowingList(program), .floats = {}};
  result.floats.reserve(number);
  for (std::uint64_t i = 0; i < number; ++i) {
    result.floats.push_back(program.malloc(Domain::obj, kFloatBytes));
    result.list.append(program);
  }
  program.free(Domain::mem, buffer);
  return result;
}

void drop(Program& program, Result& result) {
  for (const Slot slot : result.floats) program.free(Domain::obj, slot);
  result.list.free(program);
}

}  // namespace

void generate_random_noise(const WorkloadParameters& parameters, TraceWriter& trace) {
  Program program(parameters, trace);
  const std::uint64_t largest =
      std::clamp<std::uint64_t>(parameters.events / 128, 1, kLargestWorkingSet);
  std::deque<Result> kept;
  while (program.goes_on()) {
    kept.push_back(random_noise(program, program.log_uniform(1, largest)));
    if (kept.size() > kResultsKept) {
      drop(program, kept.front());
      kept.pop_front();
    }
  }
  program.begin_teardown();
  for (Result& result : kept) drop(program, result);
}

}  // namespace pymemlab
