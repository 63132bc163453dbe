// Memray's captures, which a writer here makes from the format's description.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "core/base/random.h"
#include "tests/trace/formats/foreign.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::import_as;
using testing::Imported;
using ::testing::IsEmpty;
using ::testing::Not;

enum : std::uint8_t {
  kPyFree = 1,
  kPyMalloc,
  kPyCalloc,
  kPyRealloc,
  kLibcFree,
  kLibcMalloc,
  kLibcRealloc,
  kLibcCalloc,
  kMemalign = 11,
  kMmap = 14,
  kMunmap = 15
};

struct CaptureShape {
  std::uint32_t version = 13;
  bool native_traces = false;
  bool aggregated = false;
  bool of_python = true;
};

class Capture {
 public:
  explicit Capture(CaptureShape shape = {}) : shape_(shape) {
    bytes_ = std::string("memray\0", 7);
    fixed(shape.version, 4).fixed(0x030B02F0, 4).fixed(shape.native_traces ? 1 : 0, 1);
    fixed(shape.aggregated ? 1 : 0, 1).fixed(5, 8).fixed(6, 8).fixed(7, 8).fixed(8, 8);
    text("python3 app.py --fast").fixed(4321, 4).fixed(0x7000, 8).fixed(3, 8).fixed(1, 1);
    fixed(shape.of_python ? 1 : 0, 1).fixed(0, 1).text("/usr/lib").text("/site").text("");
    text("/a").text("/b").text("");
  }

  Capture& fixed(std::uint64_t value, int width) {
    for (int i = 0; i < width; ++i) bytes_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  Capture& varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
    return *this;
  }
  Capture& difference(std::uint64_t value) {
    return varint(value << 1 ^ (value >> 63 != 0 ? ~std::uint64_t{0} : 0));
  }
  Capture& text(const std::string& text) {
    bytes_ += text + '\0';
    return *this;
  }
  Capture& thread(std::uint64_t id) { return fixed(12, 1).fixed(id, 8); }
  Capture& call(std::uint8_t allocator, std::uint64_t address, std::uint64_t size = 0) {
    const auto found = std::find(recent_.begin(), recent_.end(), address);
    const auto place = static_cast<unsigned>(found - recent_.begin());
    const bool known = found != recent_.end();
    fixed(0x80u | (known ? place : 15u) << 3 | (allocator < kLibcCalloc ? allocator : 0u), 1);
    if (!known) {
      difference((address >> 3) - last_);
      last_ = address >> 3;
      recent_.push_front(address);
      if (recent_.size() > 15) recent_.pop_back();
    }
    if (allocator >= kLibcCalloc) fixed(allocator, 1);
    if (allocator == kLibcFree || allocator == kPyFree) return *this;
    if (shape_.native_traces) difference(1);
    return varint(size);
  }
  // Everything that is passed over.
  Capture& others() {
    fixed(0, 1).fixed(2, 1).varint(123456).varint(10);                          // memory
    fixed(5, 1).difference(1).difference(2);                                    // native trace
    fixed(6, 1).fixed(7, 1).text("libc.so").varint(1).fixed(0x1000, 8);         // modules
    fixed(8, 1).fixed(0x10, 8).varint(77).fixed(10, 1).text("worker");          // thread's name
    fixed(14, 1).varint(1).text("f").text("app.py").difference(3).varint(200);  // code object
    bytes_ += std::string(200, '\x2a');
    return fixed(0x41, 1).varint(1).difference(0).fixed(0x11, 1);  // a frame pushed, two popped
  }
  [[nodiscard]] std::string finished() const { return bytes_ + '\x01' + std::string(100, '\0'); }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  CaptureShape shape_;
  std::string bytes_;
  std::deque<std::uint64_t> recent_;
  std::uint64_t last_ = 0;
};

TEST(Memray, ReadsEveryKindOfCall) {
  const Imported trace = import_as("memray", Capture()
                                                 .call(kPyMalloc, 0x1000, 24)
                                                 .others()
                                                 .call(kPyCalloc, 0x2000, 300)
                                                 .call(kLibcMalloc, 0x9000, 5000)
                                                 .call(kLibcCalloc, 0xA000, 64)
                                                 .call(kMemalign, 0xB000, 100)
                                                 .call(kMmap, 0x100000, 4096)
                                                 .call(kMunmap, 0x100000, 4096)
                                                 .call(kPyMalloc, 0, 1 << 20)
                                                 .call(kPyFree, 0x1000)
                                                 .call(kPyFree, 0x7770)
                                                 .call(kLibcFree, 0x9000)
                                                 .finished());
  EXPECT_EQ(trace.refusal, "");
  EXPECT_EQ(trace.events,
            "m obj 24 =0\n"
            "c obj 1 300 =1\n"
            "m libc 5000 =2\n"
            "c libc 1 64 =3\n"
            "m libc 100 =4\n"
            "m obj 1048576 failed\n"
            "f obj 0\n"
            "fu obj 0x7770\n"
            "f libc 2\n");
  EXPECT_EQ(trace.report.damage, std::nullopt);
  EXPECT_EQ(trace.metadata.python->version, "3.11.2");
  EXPECT_EQ(trace.metadata.pythonmalloc, "pymalloc");
  EXPECT_EQ(trace.metadata.pid, 4321);
  EXPECT_THAT(trace.metadata.command, ElementsAre("python3", "app.py", "--fast"));
  EXPECT_THAT(trace.metadata.unknown, Contains("start"));
  EXPECT_THAT(trace.metadata.unknown, Not(Contains("Python's requests")));
  EXPECT_THAT(trace.report.losses, ElementsAre("1 aligned requests became plain ones",
                                               "2 mappings and unmappings were left out"));
}

TEST(Memray, MakesAFreeAndTheReallocBehindItOne) {
  const Imported trace = import_as("memray", Capture()
                                                 .call(kPyMalloc, 0x1000, 24)
                                                 .call(kPyFree, 0x1000)
                                                 .call(kPyRealloc, 0x2000, 48)
                                                 .call(kPyRealloc, 0x3000, 7)
                                                 .call(kPyFree, 0x2000)
                                                 .call(kLibcRealloc, 0x4000, 9)
                                                 .call(kPyFree, 0x3000)
                                                 .thread(0x7001)
                                                 .call(kPyRealloc, 0x5000, 11)
                                                 .call(kLibcFree, 0x4000)
                                                 .finished());
  EXPECT_EQ(trace.events,
            "m obj 24 =0\n"
            "r obj 0 48\n"
            "rn obj 7 =1\n"
            "f obj 0\n"
            "rn libc 9 =0\n"
            "f obj 1\n"
            "thread 1\n"
            "rn obj 11 =1\n"
            "f libc 0\n");
}

TEST(Memray, ReadsNativeTracesAndKeepsAddresses) {
  const Imported trace = import_as("memray",
                                   Capture({.native_traces = true})
                                       .call(kLibcMalloc, 0x1000, 24)
                                       .call(kMmap, 0x100000, 4096)
                                       .call(kLibcFree, 0x1000)
                                       .call(kLibcMalloc, 0x1000, 32)
                                       .finished(),
                                   true);
  EXPECT_EQ(trace.events, "m libc 24 =0 @0x1000\nf libc 0\nm libc 32 =0 @0x1000\n");
}

TEST(Memray, SaysIfPythonsOwnRequestsAreMissing) {
  const Imported trace =
      import_as("memray", Capture({.of_python = false}).call(kLibcMalloc, 0x1000, 24).finished());
  EXPECT_THAT(trace.metadata.unknown, Contains("Python's requests"));
}

// The 15 last addresses are named by their place; one that is found keeps it.
TEST(Memray, FollowsTheRecentAddressesOfLongRuns) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Random random(seed);
    Capture capture;
    std::vector<std::pair<std::uint64_t, std::size_t>> live;  // address, slot
    std::vector<std::size_t> free_slots;
    std::string expected;
    std::size_t used = 0;
    for (int i = 0; i < 3000; ++i) {
      if (live.size() < 20 && (live.empty() || random.chance(1, 2))) {
        std::uint64_t address = 0;
        do {
          address = 0x7f0000000000u + 16 * random.below(64);
        } while (std::any_of(live.begin(), live.end(),
                             [&](const auto& block) { return block.first == address; }));
        std::size_t slot = used;
        if (free_slots.empty()) ++used;
        if (!free_slots.empty()) {
          slot = free_slots.back();
          free_slots.pop_back();
        }
        live.emplace_back(address, slot);
        capture.call(kPyMalloc, address, 16 + slot);
        expected += "m obj " + std::to_string(16 + slot) + " =" + std::to_string(slot) + "\n";
      } else {
        const auto chosen = live.begin() + static_cast<std::ptrdiff_t>(random.below(live.size()));
        capture.call(kPyFree, chosen->first);
        expected += "f obj " + std::to_string(chosen->second) + "\n";
        free_slots.push_back(chosen->second);
        live.erase(chosen);
      }
    }
    EXPECT_EQ(import_as("memray", capture.finished()).events, expected) << "seed " << seed;
  }
}

TEST(Memray, OfAKilledProcessIsReadToItsLastWholeRecord) {
  const std::string whole =
      Capture().call(kPyMalloc, 0x1000, 24).call(kPyMalloc, 0x2000, 3000).bytes();
  const Imported zeros = import_as("memray", whole + std::string(50, '\0'));
  EXPECT_EQ(zeros.events, "m obj 24 =0\nm obj 3000 =1\n");
  EXPECT_THAT(zeros.report.damage.value_or(""), HasSubstr("ends without memray's trailer"));
  const Imported cut = import_as("memray", whole.substr(0, whole.size() - 1));
  EXPECT_EQ(cut.events, "m obj 24 =0\n");
  EXPECT_THAT(cut.report.damage.value_or(""), HasSubstr("was read"));
}

TEST(Memray, IsReadCompressedAsMemrayLeavesIt) {
  const std::string plain = Capture().call(kPyMalloc, 0x1000, 24).call(kPyFree, 0x1000).finished();
  for (const std::string& file : {plain, testing::lz4(plain)}) {
    testing::write_bytes(testing::scratch("capture"), {file.begin(), file.end()});
    const TraceFormat* format = trace_format_in(testing::scratch("capture"));
    ASSERT_NE(format, nullptr);
    EXPECT_EQ(format->name, "memray");
    const Imported trace = import_as("memray", file);
    EXPECT_EQ(trace.events, "m obj 24 =0\nf obj 0\n");
    EXPECT_EQ(trace.report.damage, std::nullopt);
  }
}

TEST(Memray, RefusesWhatItCannotRead) {
  const auto refusal = [](const std::string& content) {
    return import_as("memray", content).refusal;
  };
  EXPECT_THAT(refusal(Capture({.version = 12}).finished()),
              HasSubstr("byte 7: a capture of version 12: only version 13 is read"));
  EXPECT_THAT(refusal(Capture({.aggregated = true}).finished()), HasSubstr("--aggregate"));
  EXPECT_THAT(refusal("memory"), HasSubstr("no capture of memray's"));
  EXPECT_THAT(refusal(Capture().fixed(11, 1).finished()), HasSubstr("a record of kind 11"));
  EXPECT_THAT(refusal(Capture().fixed(0xF8, 1).difference(2).fixed(16, 1).varint(1).finished()),
              HasSubstr("an allocator of number 16"));
  EXPECT_THAT(refusal(Capture().bytes().substr(0, 60)), HasSubstr("cut off inside its header"));
  EXPECT_THAT(refusal(Capture().fixed(2, 1).bytes() + std::string(20, '\xff')),
              HasSubstr("more than 64 bits"));
}

}  // namespace
}  // namespace pymemlab
