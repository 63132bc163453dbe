// A file cut off anywhere, or with any bit turned, is served up to its last whole chunk or refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <span>

#include "core/base/input_error.h"
#include "core/base/random.h"
#include "core/trace/chunk.h"
#include "core/trace/little_endian.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using testing::bytes_of;
using testing::expected;
using ::testing::HasSubstr;
using testing::random_stream;
using testing::read_all;
using testing::ReadBack;
using testing::scratch;
using testing::Stream;
using testing::write_bytes;
using testing::write_stream;

constexpr std::uint32_t kChunkEvents = 20;

class Damage : public ::testing::Test {
 protected:
  void SetUp() override {
    stream_ = random_stream({.events = 80, .seed = 3, .live_about = 10});
    write_stream(stream_, scratch("whole.pmtrace"),
                 {.addresses = true, .chunk_events = kChunkEvents, .key_chunks = 2});
    whole_ = bytes_of(scratch("whole.pmtrace"));
    all_ = expected(stream_, true);
    // Where chunks of events end.
    for (std::size_t at = 16; at + 32 < whole_.size();) {
      const auto length = get_fixed<std::uint32_t>(whole_.data() + at + 4);
      const bool events = whole_[at] == 'E';
      at += 16 + length;
      if (events) ends_.push_back(at);
    }
    ASSERT_EQ(ends_.size(), 4u);
  }

  [[nodiscard]] bool is_prefix(const ReadBack& back) const {
    return back.operations.size() <= all_.size() &&
           std::equal(back.operations.begin(), back.operations.end(), all_.begin());
  }

  Stream stream_;
  std::vector<std::uint8_t> whole_;
  std::vector<Operation> all_;
  std::vector<std::size_t> ends_;
};

TEST_F(Damage, CutOffAtAnyByteLeavesEveryWholeChunk) {
  const std::string path = scratch("cut.pmtrace");
  for (std::size_t length = 0; length < whole_.size(); ++length) {
    SCOPED_TRACE("cut off at byte " + std::to_string(length));
    write_bytes(path, {whole_.begin(), whole_.begin() + static_cast<std::ptrdiff_t>(length)});
    const auto chunks = static_cast<std::size_t>(
        std::count_if(ends_.begin(), ends_.end(), [&](std::size_t end) { return end <= length; }));
    if (chunks == 0) {
      EXPECT_THROW((void)read_all(path), InputError);
      continue;
    }
    const ReadBack back = read_all(path, {.addresses = true});
    EXPECT_EQ(back.operations.size(), chunks * kChunkEvents);
    EXPECT_TRUE(is_prefix(back));
    ASSERT_TRUE(back.damage);
    EXPECT_THAT(*back.damage, HasSubstr("cut.pmtrace: "));
  }
}

TEST_F(Damage, SaysHowMuchIsLost) {
  const std::string path = scratch("lost.pmtrace");
  write_bytes(path, {whole_.begin(), whole_.begin() + static_cast<std::ptrdiff_t>(ends_[1] + 30)});
  EXPECT_THAT(*read_all(path).damage, HasSubstr("read up to event 40, the last 30 bytes are lost"));
  std::vector<std::uint8_t> turned = whole_;
  turned[ends_[2] - 1] ^= 1;
  write_bytes(path, turned);
  EXPECT_THAT(*read_all(path).damage, HasSubstr("read up to event 40, 40 events are lost"));
}

TEST_F(Damage, AnyBitTurnedGivesAnErrorAPrefixOrTheSame) {
  const std::string path = scratch("flip.pmtrace");
  std::size_t refused = 0;
  std::size_t silent = 0;
  for (std::size_t bit = 0; bit < 8 * whole_.size(); ++bit) {
    std::vector<std::uint8_t> turned = whole_;
    turned[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    write_bytes(path, turned);
    try {
      const ReadBack back = read_all(path, {.addresses = true});
      ASSERT_TRUE(is_prefix(back)) << "bit " << bit;
      if (!back.damage) ++silent;
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_EQ(silent, 0u) << "bits that nobody notices";
  EXPECT_LT(refused, 8 * whole_.size() / 2) << "most damage leaves something to read";
}

// What a checksum does not catch: content that somebody made.
TEST_F(Damage, AnyContentWithTheRightChecksumIsReadOrRefused) {
  const std::string path = scratch("made.pmtrace");
  std::vector<std::size_t> chunks;
  for (std::size_t at = 16; at + 32 < whole_.size();
       at += 16 + get_fixed<std::uint32_t>(whole_.data() + at + 4))
    chunks.push_back(at);
  std::size_t refused = 0;
  constexpr std::uint64_t kTries = 6000;
  for (std::uint64_t seed = 1; seed <= kTries; ++seed) {
    Random random(seed);
    std::vector<std::uint8_t> made = whole_;
    const std::size_t at = chunks[random.below(chunks.size())];
    const auto length = get_fixed<std::uint32_t>(made.data() + at + 4);
    for (std::uint64_t i = random.between(1, 4); i > 0; --i)
      made[at + 16 + random.below(length)] = static_cast<std::uint8_t>(random.next());
    const std::uint64_t sum = chunk_checksum(get_fixed<std::uint32_t>(made.data() + at),
                                             std::span(made).subspan(at + 16, length));
    std::memcpy(made.data() + at + 8, &sum, sizeof sum);
    write_bytes(path, made);
    try {
      const ReadBack back = read_all(path, {.addresses = true, .start_at = random.below(2) * 75});
      for (const Operation& operation : back.operations)
        ASSERT_TRUE(operation.slot == kNoSlot || operation.slot < back.slots ||
                    !is_request(operation.kind))
            << "seed " << seed;
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, kTries / 4);
  EXPECT_LT(refused, kTries);
}

TEST_F(Damage, StartsAtEventZeroWhereThereIsNoIndex) {
  const std::string path = scratch("unindexed.pmtrace");
  write_bytes(path, {whole_.begin(), whole_.end() - 1});
  TraceReader reader = TraceReader::open(path, {.start_at = 75});
  EventBatch batch;
  ASSERT_TRUE(reader.next(batch));
  EXPECT_EQ(batch.first, 0u);
}

TEST(DamageByAFullDisk, LeavesWholeChunksBehind) {
  const Stream stream = random_stream({.events = 20'000, .seed = 8});
  const std::string path = scratch("full.pmtrace");
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{12'000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THROW(write_stream(stream, path, {.chunk_events = 500}), InputError);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  const ReadBack back = read_all(path);
  const std::vector<Operation> all = expected(stream, false);
  EXPECT_GT(back.operations.size(), 1000u);
  EXPECT_TRUE(back.damage);
  EXPECT_TRUE(std::equal(back.operations.begin(), back.operations.end(), all.begin()));
}

}  // namespace
}  // namespace pymemlab
