// The class SomeMemory of the Cython tutorial on memory allocation: __cinit__ allocates a buffer of
// doubles with PyMem_Malloc, resize_object() reallocates it, __dealloc__ frees it, and then the
// owner goes. Many owners live at once; each is resized a few times in its life.
#include <algorithm>
#include <vector>

#include "workloads/generators.h"
#include "workloads/program.h"

namespace pymemlab {
namespace {

constexpr std::uint64_t kOwnerBytes = 24;  // object head and one pointer
constexpr std::uint64_t kLargestNumber = 2048;

class SomeMemory {
 public:
  SomeMemory(Program& program, std::uint64_t number)
      : owner_(program.malloc(Domain::obj, kOwnerBytes)),
        data_(program.malloc(Domain::mem, number * sizeof(double))) {}

  void resize_object(Program& program, std::uint64_t number) const {
    program.realloc(Domain::mem, data_, number * sizeof(double));
  }
  void dealloc(Program& program) const {
    program.free(Domain::mem, data_);
    program.free(Domain::obj, owner_);
  }

 private:
  Slot owner_;
  Slot data_;
};

}  // namespace

void generate_some_memory(const WorkloadParameters& parameters, TraceWriter& trace) {
  Program program(parameters, trace);
  Random& random = program.random();
  const std::uint64_t owners_wanted = std::clamp<std::uint64_t>(parameters.events / 32, 1, 6000);
  std::vector<SomeMemory> owners;
  while (program.goes_on()) {
    const std::uint64_t number = program.log_uniform(1, kLargestNumber);
    if (owners.size() < owners_wanted) {
      owners.emplace_back(program, number);
      continue;
    }
    SomeMemory& chosen = owners[random.below(owners.size())];
    if (random.chance(3, 4)) {
      chosen.resize_object(program, number);
    } else {
      chosen.dealloc(program);
      chosen = SomeMemory(program, number);
    }
  }
  program.begin_teardown();
  for (const SomeMemory& owner : owners) owner.dealloc(program);
}

}  // namespace pymemlab
