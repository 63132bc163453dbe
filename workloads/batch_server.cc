// A server: eight requests are in flight, each making objects that all die when it is answered, a
// response that grows by realloc, and a read buffer of the raw domain. Beside them a cache, loaded
// at the start, of which every fifth request replaces one entry.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "workloads/generators.h"
#include "workloads/python_objects.h"

namespace pymemlab {
namespace {

constexpr std::uint64_t kReadBufferBytes = 4096;

class Request {
 public:
  explicit Request(Program& program)
      : read_buffer_(program.malloc(Domain::raw, kReadBufferBytes)),
        response_bytes_(program.random().between(64, 256)),
        response_(program.malloc(Domain::mem, response_bytes_)),
        objects_wanted_(program.random().between(40, 400)) {}

  [[nodiscard]] bool done() const noexcept { return objects_.size() >= objects_wanted_; }

  void step(Program& program) {
    Random& random = program.random();
    const std::uint64_t bytes = random.chance(1, 2)   ? str_bytes(program.log_uniform(4, 128))
                                : random.chance(1, 2) ? tuple_bytes(random.between(1, 8))
                                                      : kDictBytes;
    objects_.push_back(program.malloc(Domain::obj, bytes));
    if (random.chance(1, 3)) program.free(Domain::obj, program.malloc(Domain::obj, kIntBytes));
    if (random.chance(1, 32)) {
      response_bytes_ *= 2;
      program.realloc(Domain::mem, response_, response_bytes_);
    }
  }
  // Locals die in the order in which their frames return: the newest first.
  void answer(Program& program) {
    for (auto slot = objects_.rbegin(); slot != objects_.rend(); ++slot) {
      program.free(Domain::obj, *slot);
    }
    program.free(Domain::mem, response_);
    program.free(Domain::raw, read_buffer_);
  }

 private:
  Slot read_buffer_;
  std::uint64_t response_bytes_;
  Slot response_;
  std::uint64_t objects_wanted_;
  std::vector<Slot> objects_;
};

class CacheEntry {
 public:
  explicit CacheEntry(Program& program)
      : key_(program.malloc(Domain::obj, str_bytes(program.random().between(8, 40)))),
        body_(program.malloc(Domain::obj, bytes_bytes(program.log_uniform(128, 4096)))) {}

  void free(Program& program) const {
    program.free(Domain::obj, key_);
    program.free(Domain::obj, body_);
  }

 private:
  Slot key_;
  Slot body_;
};

}  // namespace

void generate_batch_server(const WorkloadParameters& parameters, TraceWriter& trace) {
  constexpr std::size_t kInFlight = 8;
  Program program(parameters, trace);
  Random& random = program.random();
  const std::uint64_t entries = std::clamp<std::uint64_t>(parameters.events / 200, 1, 5000);
  std::vector<CacheEntry> cache;
  while (cache.size() < entries && program.goes_on()) cache.emplace_back(program);

  std::vector<Request> in_flight;
  while (program.goes_on()) {
    if (in_flight.size() < kInFlight) in_flight.emplace_back(program);
    Request& request = in_flight[random.below(in_flight.size())];
    request.step(program);
    if (!request.done()) continue;
    request.answer(program);
    request = Request(program);
    if (random.chance(1, 5)) {
      CacheEntry& replaced = cache[random.below(cache.size())];
      replaced.free(program);
      replaced = CacheEntry(program);
    }
  }
  program.begin_teardown();
  for (Request& request : in_flight) request.answer(program);
  for (const CacheEntry& entry : cache) entry.free(program);
}

}  // namespace pymemlab
