// The model beside the real pymalloc of every libpython on the machine, operation by operation: the
// same requests, the same arenas refused, and then everything either does must be equal: each
// block's place, each call of the raw allocator with its arguments, each arena requested and
// released, and the statistics text. Each library is loaded in a process of its own.
#include "core/replay/real_python.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <vector>

#include "core/base/input_error.h"
#include "core/base/random.h"
#include "core/pymem/memory.h"
#include "core/replay/arena_source.h"
#include "tests/interpreters.h"

namespace pymemlab {
namespace {

// One thing that happened.
struct Entry {
  enum class What { placed, raw, malloc, calloc, realloc, free, arena, refused, released };
  What what;
  std::uint64_t a = 0;  // ordinal; size; count
  std::uint64_t b = 0;  // offset; size

  friend bool operator==(const Entry&, const Entry&) = default;
};
using Log = std::vector<Entry>;

std::string text(const Log& log, std::size_t i) {
  if (i >= log.size()) return "the end";
  return fmt::format("{}({}, {})", static_cast<int>(log[i].what), log[i].a, log[i].b);
}

struct Operation {
  enum class Kind { malloc, calloc, realloc, free } kind;
  std::uint32_t slot;
  std::uint64_t count;
  std::uint64_t size;
};

// Arenas from `source`, some of them refused; remembers where they lie.
class ArenaLedger {
 public:
  ArenaLedger(ArenaSource& source, Log& log, std::uint64_t arena_bytes, bool refuses)
      : source_(source.record()), log_(log), arena_bytes_(arena_bytes), refuses_(refuses) {}

  ArenaRecord record() {
    return {
        .context = this,
        .alloc = [](void* self,
                    std::size_t bytes) { return static_cast<ArenaLedger*>(self)->alloc(bytes); },
        .free = [](void* self, void* base,
                   std::size_t bytes) { static_cast<ArenaLedger*>(self)->free(base, bytes); }};
  }
  [[nodiscard]] Entry place(const void* block) const {
    const auto address = reinterpret_cast<std::uint64_t>(block);
    const auto after = ordinal_of_.upper_bound(address);
    if (after == ordinal_of_.begin()) return {.what = Entry::What::raw};
    const auto& [base, ordinal] = *std::prev(after);
    if (address - base >= arena_bytes_) return {.what = Entry::What::raw};
    return {.what = Entry::What::placed, .a = ordinal, .b = address - base};
  }
  [[nodiscard]] const std::vector<std::uint64_t>& bases() const { return bases_; }

 private:
  void* alloc(std::size_t bytes) {
    if (refuses_ && ++asked_ % 5 == 3) {
      log_.push_back({.what = Entry::What::refused});
      return nullptr;
    }
    void* base = source_.alloc(source_.context, bytes);
    const auto address = reinterpret_cast<std::uint64_t>(base);
    ordinal_of_[address] = bases_.size();
    log_.push_back({.what = Entry::What::arena, .a = bases_.size(), .b = bytes});
    bases_.push_back(address);
    return base;
  }
  void free(void* base, std::size_t bytes) {
    const auto found = ordinal_of_.find(reinterpret_cast<std::uint64_t>(base));
    log_.push_back({.what = Entry::What::released, .a = found->second, .b = bytes});
    ordinal_of_.erase(found);
    source_.free(source_.context, base, bytes);
  }

  ArenaRecord source_;
  Log& log_;
  std::uint64_t arena_bytes_;
  bool refuses_;
  std::uint64_t asked_ = 0;
  std::map<std::uint64_t, std::size_t> ordinal_of_;
  std::vector<std::uint64_t> bases_;
};

// The raw allocator, with every call written down.
class RawLedger {
 public:
  explicit RawLedger(Log& log) : log_(log) {}
  AllocatorRecord record() {
    return {.context = this,
            .malloc = [](void* self, std::size_t size) -> void* {
              note(self, {.what = Entry::What::malloc, .a = size});
              return kLibc.malloc(nullptr, size);
            },
            .calloc = [](void* self, std::size_t count, std::size_t size) -> void* {
              note(self, {.what = Entry::What::calloc, .a = count, .b = size});
              return kLibc.calloc(nullptr, count, size);
            },
            .realloc = [](void* self, void* block, std::size_t size) -> void* {
              note(self, {.what = Entry::What::realloc, .a = block != nullptr, .b = size});
              return kLibc.realloc(nullptr, block, size);
            },
            .free =
                [](void* self, void* block) {
                  note(self, {.what = Entry::What::free, .a = block != nullptr});
                  kLibc.free(nullptr, block);
                }};
  }

 private:
  static inline const AllocatorRecord kLibc = libc_raw_allocator();
  static void note(void* self, const Entry& entry) {
    static_cast<RawLedger*>(self)->log_.push_back(entry);
  }
  Log& log_;
};

// Growth and shrinkage in phases, sizes of every kind, everything freed at the end.
std::vector<Operation> random_operations(std::uint64_t seed, std::size_t count) {
  constexpr std::uint32_t kSlots = 12'000;
  Random random(seed);
  std::vector<bool> live(kSlots);
  std::vector<Operation> operations;
  const auto size = [&]() -> std::uint64_t {
    const std::uint64_t kind = random.below(20);
    if (kind == 0) return 0;
    if (kind == 1) return 505 + random.below(16);
    if (kind == 2) return 513 + random.below(5000);
    return 1 + random.below(kind < 10 ? 512 : 96);
  };
  while (operations.size() < count) {
    const bool grows = operations.size() / 40'000 % 2 == 0;
    const auto slot = static_cast<std::uint32_t>(random.below(kSlots));
    const bool is_calloc = random.below(8) == 0;
    if (!live[slot]) {
      if (!grows && random.below(4) != 0) continue;
      operations.push_back({is_calloc ? Operation::Kind::calloc : Operation::Kind::malloc, slot,
                            is_calloc ? random.below(9) : 1, is_calloc ? size() / 4 : size()});
      live[slot] = true;
    } else if (random.below(4) == 0) {
      operations.push_back({Operation::Kind::realloc, slot, 1, size()});
    } else if (!grows || random.below(3) == 0) {
      operations.push_back({Operation::Kind::free, slot, 1, 0});
      live[slot] = false;
    }
  }
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
    if (live[slot]) operations.push_back({Operation::Kind::free, slot, 1, 0});
  }
  return operations;
}

void perform(const std::vector<Operation>& operations, const AllocatorRecord& api,
             const ArenaLedger& arenas, Log& log) {
  std::vector<void*> live(12'000);
  for (const Operation& operation : operations) {
    void*& block = live[operation.slot];
    switch (operation.kind) {
      case Operation::Kind::malloc: block = api.malloc(api.context, operation.size); break;
      case Operation::Kind::calloc:
        block = api.calloc(api.context, operation.count, operation.size);
        break;
      case Operation::Kind::realloc: block = api.realloc(api.context, block, operation.size); break;
      case Operation::Kind::free: api.free(api.context, block); continue;
    }
    log.push_back(arenas.place(block));
  }
}

// What pymalloc does with the operations, and how it then prints its statistics.
struct Outcome {
  Log log;
  std::string statistics;
  std::vector<std::uint64_t> bases;
};

Outcome real_outcome(const RealPython& python, const std::vector<Operation>& operations,
                     const Geometry& geometry) {
  Outcome outcome;
  ArenaSource source({.policy = ArenaResidue::Policy::random, .seed = 3}, {});
  ArenaLedger arenas(source, outcome.log, geometry.arena_bytes, true);
  RawLedger raw(outcome.log);
  python.set_arenas(arenas.record());
  python.set_raw(raw.record());
  perform(operations, python.record(Domain::obj), arenas, outcome.log);
  python.set_raw(python.record(Domain::raw));
  outcome.statistics = python.statistics_text();
  outcome.bases = arenas.bases();
  return outcome;
}

Outcome model_outcome(const Profile& profile, const std::vector<Operation>& operations,
                      const Geometry& geometry, const std::vector<std::uint64_t>& bases) {
  Outcome outcome;
  Log log;  // goes on when the Memory gives its arenas back
  ArenaSource source({.policy = ArenaResidue::Policy::recorded}, bases);
  ArenaLedger arenas(source, log, geometry.arena_bytes, true);
  RawLedger raw(log);
  MemoryOptions options;
  options.profile = &profile;
  options.configuration = &configuration_for("pymalloc", profile);
  options.geometry = geometry;
  options.arenas = arenas.record();
  options.nominal_base = ArenaSource::nominal_base;
  options.nominal_base_context = &source;
  Memory memory(options);
  memory.set_allocator(Domain::raw, raw.record());
  perform(operations, memory.record(Domain::obj), arenas, log);
  memory.set_allocator(Domain::raw, libc_raw_allocator());
  outcome.statistics = memory.statistics_text();
  outcome.log = log;
  return outcome;
}

// 0 if everything was equal; says what was not.
int compare(const Interpreter& interpreter, std::uint64_t seed) {
  const RealPython python = RealPython::load(interpreter.shared_library);
  const Profile& profile = profile_of_version(python.version());
  Geometry geometry = profile.geometry;
  geometry.alignment = python.alignment();  // some distributions patch 3.6 to 16
  const std::vector<Operation> operations = random_operations(seed, 200'000);
  const Outcome real = real_outcome(python, operations, geometry);
  const Outcome model = model_outcome(profile, operations, geometry, real.bases);
  const std::size_t most = std::max(real.log.size(), model.log.size());
  for (std::size_t i = 0; i < most; ++i) {
    if (i < real.log.size() && i < model.log.size() && real.log[i] == model.log[i]) continue;
    std::cerr << fmt::format("seed {}, entry {}: CPython {}, the model {}\n", seed, i,
                             text(real.log, i), text(model.log, i));
    return 1;
  }
  if (real.statistics != model.statistics) {
    std::cerr << "CPython:\n" << real.statistics << "the model:\n" << model.statistics;
    return 1;
  }
  std::cerr << fmt::format("{} things alike\n", real.log.size());
  return 0;
}

class EveryLibrary : public testing::TestWithParam<Interpreter> {};

TEST_P(EveryLibrary, DoesWhatTheModelDoes) {
  if (GetParam().shared_library.empty()) GTEST_SKIP() << "linked statically";
  for (const std::uint64_t seed : {1, 2, 3}) {
    EXPECT_EXIT(std::_Exit(compare(GetParam(), seed)), testing::ExitedWithCode(0), "things alike");
  }
}

INSTANTIATE_TEST_SUITE_P(RealPython, EveryLibrary, testing::ValuesIn(interpreters()),
                         [](const auto& info) { return info.param.test_name(); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryLibrary);

TEST(RealPython, IsRefusedInOneSentenceWhereThereIsNone) {
  EXPECT_THROW((void)RealPython::load("/no/such/libpython.so"), InputError);
  EXPECT_THROW((void)RealPython::load("libc.so.6"), InputError);
}

}  // namespace
}  // namespace pymemlab
