// The long trace: 411 646 operations whose every placement, arena request and release is hashed and
// held against the digest that real interpreters gave (or, where marked so, the reference model).
#include <optional>

#include "tests/pymalloc/heap_fixture.h"

namespace pymemlab {
namespace {

class Fnv1a {
 public:
  void line(std::string_view text) {
    for (char c : text) byte(static_cast<unsigned char>(c));
    byte('\n');
    ++lines_;
  }
  void bytes(std::string_view text) {
    for (char c : text) byte(static_cast<unsigned char>(c));
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }
  [[nodiscard]] std::size_t lines() const { return lines_; }

 private:
  void byte(unsigned char c) { hash_ = (hash_ ^ c) * 0x100000001b3u; }
  std::uint64_t hash_ = 0xcbf29ce484222325u;
  std::size_t lines_ = 0;
};

struct LongTrace {
  const char* name;
  Geometry geometry;
  std::size_t residue;
  std::uint64_t digest;
  std::size_t lines;
  std::size_t requested, released;
  std::optional<std::uint64_t> statistics;  // absent: model only
};

class Digest : public testing::TestWithParam<LongTrace> {
 protected:
  // Runs the generator and returns the digest of the log.
  Fnv1a run(Heap& heap) {
    Fnv1a log;
    std::vector<void*> slots(20'000);
    auto record = [&](void* block) {
      for (const std::string& line : heap.arenas.log) log.line(line);
      heap.arenas.log.clear();
      const std::string place = heap.where(block);
      raw_lines_ += place == "R" ? 1 : 0;
      log.line(place);
    };
    for (int step = 0; step < 400'000; ++step) {
      void*& slot = slots[next() % slots.size()];
      const std::uint64_t a = next();
      if (slot == nullptr) {
        slot = heap.malloc(a % 520);
        record(slot);
      } else if (next() % 8 == 0) {
        slot = heap.realloc(slot, a % 520);
        record(slot);
      } else {
        heap.free(slot);
        slot = nullptr;
      }
    }
    for (void* block : slots) {
      if (block != nullptr) heap.free(block);
    }
    for (std::size_t k = 0; k < 1000; ++k) record(heap.malloc(1 + k % 512));
    return log;
  }
  std::size_t raw_lines_ = 0;

 private:
  std::uint64_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_ >> 33;
  }
  std::uint64_t state_ = 12345;
};

TEST_P(Digest, PlacesEveryBlockWhereCPythonDoes) {
  const LongTrace& expected = GetParam();
  // One mid and one leaf node, as the reference runs had: all arenas count as if at one address.
  SmallHeapOptions options;
  options.nominal_base = [](void*, std::uint64_t) { return std::uint64_t{0x7f0000000000}; };
  Heap heap(expected.geometry, expected.residue, options);
  const Fnv1a log = run(heap);
  EXPECT_EQ(fmt::format("{:016x}", log.value()), fmt::format("{:016x}", expected.digest));
  EXPECT_EQ(log.lines(), expected.lines);
  EXPECT_EQ(raw_lines_, 3828u);
  EXPECT_EQ(heap.arenas.requested(), expected.requested);
  EXPECT_EQ(heap.arenas.released(), expected.released);
  heap->check_invariants();
  if (expected.statistics) {
    Fnv1a text;
    text.bytes(statistics_text(heap->statistics(), expected.geometry));
    EXPECT_EQ(fmt::format("{:016x}", text.value()), fmt::format("{:016x}", *expected.statistics))
        << statistics_text(heap->statistics(), expected.geometry);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Geometries, Digest,
    testing::Values(LongTrace{"Python37Aligned", kGeometry37, 0, 0x04e0f3b5aade0516, 219457, 15, 13,
                              0xf235b83fcb99f1aa},
                    LongTrace{"Python39", kGeometry39, 0, 0x7da4a196f12ea3ae, 219455, 14, 12,
                              0x0eb2e69533ac97ca},
                    LongTrace{"Python310Aligned", kGeometry310, 0, 0x184d47bf60da5b15, 219436, 4, 3,
                              0xc045e5db97c7a4c0},
                    LongTrace{"Python310Offset", kGeometry310, 4096, 0xa085710c72b9c44a, 219436, 4,
                              3, 0xb5c5e554f5625893},
                    LongTrace{"Python311Aligned", kGeometry311, 0, 0x184d47bf60da5b15, 219436, 4, 3,
                              0x6ba388daf1388fe5},
                    LongTrace{"Python311Offset", kGeometry311, 4096, 0xa085710c72b9c44a, 219436, 4,
                              3, 0x2706df26286ed8ce},
                    LongTrace{"Python36ModelOnly", kGeometry36, 0, 0x642511194386fa4c, 219457, 15,
                              13, std::nullopt},
                    LongTrace{"HugePagesAlignedModelOnly", kGeometry315HugePages, 0,
                              0x3e58d70e60410aae, 219432, 2, 1, std::nullopt},
                    LongTrace{"HugePagesOffsetModelOnly", kGeometry315HugePages, 4096,
                              0x1366f72fb610aa73, 219432, 2, 1, std::nullopt}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace pymemlab
