// The long trace of the specification through the public functions: 411 646 requests to obj whose
// every placement, arena request and release is hashed, and the statistics text at the end, held
// against what real interpreters gave (3.6, 3.7.3 and 3.15-hugepages: the reference model).
#include <sys/mman.h>

#include <cstdio>
#include <map>
#include <optional>

#include "tests/capi/interpreter_fixture.h"

namespace pymemlab::testing_capi {
namespace {

struct Fnv1a {
  void text(std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  void line(const std::string& line) {
    text(line);
    text("\n");
    ++lines;
  }
  std::uint64_t hash = 0xcbf29ce484222325u;
  std::size_t lines = 0;
};

// Arenas side by side in a mapping that one leaf of every radix tree covers, each request and
// release hashed under its ordinal.
class LoggedArenas {
 public:
  LoggedArenas(Fnv1a& log, std::size_t residue) : log_(log) {
    mapping_ = ::mmap(nullptr, 2 * kBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT_NE(mapping_, MAP_FAILED);
    const auto base = reinterpret_cast<std::uintptr_t>(mapping_);
    next_ = (base + kBytes - 1) / kBytes * kBytes + residue;
    PyObjectArenaAllocator record = {
        .ctx = this,
        .alloc = [](void* ctx,
                    std::size_t size) { return static_cast<LoggedArenas*>(ctx)->give(size); },
        .free = [](void* ctx, void* ptr,
                   std::size_t) { static_cast<LoggedArenas*>(ctx)->take(ptr); }};
    PyObject_SetArenaAllocator(&record);
  }
  LoggedArenas(const LoggedArenas&) = delete;
  LoggedArenas& operator=(const LoggedArenas&) = delete;
  ~LoggedArenas() { ::munmap(mapping_, 2 * kBytes); }

  [[nodiscard]] std::string where(const void* block) const {
    const auto at = reinterpret_cast<std::uintptr_t>(block);
    auto arena = ordinals_.upper_bound(at);
    if (arena == ordinals_.begin()) return "R";
    --arena;
    if (at - arena->first >= arena_bytes_) return "R";
    return std::string("A")
        .append(std::to_string(arena->second))
        .append("+")
        .append(std::to_string(at - arena->first));
  }
  void quiet() { quiet_ = true; }

 private:
  static constexpr std::size_t kBytes = std::size_t{32} << 20;

  void* give(std::size_t size) {
    arena_bytes_ = size;
    const std::uintptr_t base = next_;
    next_ += size;
    log_.line(std::string("+").append(std::to_string(ordinals_.size())));
    ordinals_.emplace(base, ordinals_.size());
    return reinterpret_cast<void*>(base);
  }
  void take(void* base) {
    if (quiet_) return;
    log_.line(std::string("-").append(
        std::to_string(ordinals_.at(reinterpret_cast<std::uintptr_t>(base)))));
  }

  Fnv1a& log_;
  void* mapping_;
  std::uintptr_t next_;
  std::size_t arena_bytes_ = 0;
  bool quiet_ = false;
  std::map<std::uintptr_t, std::size_t> ordinals_;  // by base; bases are never used again
};

class LongTrace {
 public:
  LongTrace(Fnv1a& log, const LoggedArenas& arenas) : log_(log), arenas_(arenas) {}
  void run() {
    std::vector<void*> slots(20'000);
    for (int step = 0; step < 400'000; ++step) {
      void*& slot = slots[next() % slots.size()];
      const std::uint64_t size = next() % 520;
      if (slot == nullptr) {
        slot = placed(PyObject_Malloc(size));
      } else if (next() % 8 == 0) {
        slot = placed(PyObject_Realloc(slot, size));
      } else {
        PyObject_Free(slot);
        slot = nullptr;
      }
    }
    for (void* block : slots) {
      if (block != nullptr) PyObject_Free(block);
    }
    for (std::size_t k = 0; k < 1000; ++k) left_.push_back(placed(PyObject_Malloc(1 + k % 512)));
  }
  void free_the_rest() {
    for (void* block : left_) PyObject_Free(block);
  }

 private:
  void* placed(void* block) {
    log_.line(arenas_.where(block));
    return block;
  }
  std::uint64_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_ >> 33;
  }
  Fnv1a& log_;
  const LoggedArenas& arenas_;
  std::vector<void*> left_;
  std::uint64_t state_ = 12345;
};

std::uint64_t statistics_digest() {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* stream = ::open_memstream(&text, &size);
  PyMemLab_DebugMallocStats(stream);
  std::fclose(stream);
  Fnv1a digest;
  digest.text({text, size});
  std::free(text);
  return digest.hash;
}

struct Expected {
  const char* profile;
  std::size_t residue;  // of the arena's base modulo the pool size
  std::uint64_t digest;
  std::size_t lines;
  std::optional<std::uint64_t> statistics;
};

class Digest : public testing::TestWithParam<Expected> {};

TEST_P(Digest, OfEveryPlacementAndOfTheStatisticsIsCPythons) {
  const Expected& expected = GetParam();
  Fnv1a log;
  std::optional<LoggedArenas> arenas;
  const ScopedInterpreter interpreter(expected.profile, "pymalloc");
  arenas.emplace(log, expected.residue);
  LongTrace trace(log, *arenas);
  trace.run();
  EXPECT_EQ(log.hash, expected.digest);
  EXPECT_EQ(log.lines, expected.lines);
  if (expected.statistics) {
    EXPECT_EQ(statistics_digest(), *expected.statistics);
  }
  arenas->quiet();
  trace.free_the_rest();
}

constexpr Expected kExpected[] = {
    {"3.6", 0, 0x642511194386fa4c, 219'457, std::nullopt},
    {"3.7.3", 4096, 0x642511194386fa4c, 219'457, std::nullopt},
    {"3.7", 4096, 0x04e0f3b5aade0516, 219'457, 0xf235b83fcb99f1aa},
    {"3.8", 0, 0x04e0f3b5aade0516, 219'457, 0xf235b83fcb99f1aa},
    {"3.9", 0, 0x7da4a196f12ea3ae, 219'455, 0x0eb2e69533ac97ca},
    {"3.10", 0, 0x184d47bf60da5b15, 219'436, 0xc045e5db97c7a4c0},
    {"3.10", 4096, 0xa085710c72b9c44a, 219'436, 0xb5c5e554f5625893},
    {"3.11", 0, 0x184d47bf60da5b15, 219'436, 0x6ba388daf1388fe5},
    {"3.12", 4096, 0xa085710c72b9c44a, 219'436, 0x2706df26286ed8ce},
    {"3.13", 0, 0x184d47bf60da5b15, 219'436, 0x6ba388daf1388fe5},
    {"3.14", 4096, 0xa085710c72b9c44a, 219'436, 0x2706df26286ed8ce},
    {"3.15", 0, 0x184d47bf60da5b15, 219'436, 0x6ba388daf1388fe5},
    {"3.15-hugepages", 0, 0x3e58d70e60410aae, 219'432, std::nullopt},
    {"3.15-hugepages", 4096, 0x1366f72fb610aa73, 219'432, std::nullopt},
};
INSTANTIATE_TEST_SUITE_P(Of, Digest, testing::ValuesIn(kExpected), [](const auto& info) {
  std::string name = std::string(info.param.profile) + "_" + std::to_string(info.param.residue);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return name;
});

// A loop on an arena's boundary: up to 3.8 it asks for an arena each time round.
TEST(ArenaBoundary, IsThrashedUpTo38Alone) {
  struct Case {
    const char* profile;
    std::size_t blocks_an_arena;
    bool thrashes;
  };
  for (const auto& [profile, blocks_an_arena, thrashes] : {Case{"3.7", 448, true},
                                                           {"3.8", 448, true},
                                                           {"3.9", 448, false},
                                                           {"3.10", 1984, false},
                                                           {"3.14", 1984, false}}) {
    Fnv1a log;
    std::optional<LoggedArenas> arenas;
    const ScopedInterpreter interpreter(profile, "pymalloc");
    arenas.emplace(log, 0);
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < blocks_an_arena; ++i) blocks.push_back(PyObject_Malloc(512));
    EXPECT_EQ(log.lines, 1u) << profile;
    for (int i = 0; i < 100; ++i) PyObject_Free(PyObject_Malloc(512));
    EXPECT_EQ(log.lines, thrashes ? 201u : 2u) << profile;
    for (void* block : blocks) PyObject_Free(block);
  }
}

}  // namespace
}  // namespace pymemlab::testing_capi
