// A reader that decodes the next chunk while its caller works on the last. That it hands out the
// same is shown wherever read_all() is used.

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "core/trace/trace_reader.h"
#include "tests/trace/streams.h"

namespace pymemlab::testing {
namespace {

class ReadAhead : public ::testing::Test {
 protected:
  ReadAhead() {
    write_stream(random_stream({.events = 20'000, .seed = 11, .live_about = 100}), path_,
                 {.addresses = true, .chunk_events = 1000});
  }
  const std::string path_ = scratch("ahead.pmtrace");
  const TraceReaderOptions options_ = {.addresses = true, .ahead = true};
};

TEST_F(ReadAhead, MayBeLeftWhileItDecodes) {
  for (int batches = 0; batches < 5; ++batches) {
    TraceReader reader = TraceReader::open(path_, options_);
    EventBatch batch;
    for (int i = 0; i < batches; ++i) ASSERT_TRUE(reader.next(batch));
  }
}

TEST_F(ReadAhead, MayBeMovedWhileItDecodes) {
  EventBatch batch;
  TraceReader first = TraceReader::open(path_, options_);
  ASSERT_TRUE(first.next(batch));
  TraceReader second = std::move(first);
  std::uint64_t events = batch.events.size();
  while (second.next(batch)) events += batch.events.size();
  EXPECT_EQ(events, 20'000u);
  EXPECT_EQ(second.damage(), std::nullopt);
  EXPECT_FALSE(second.next(batch)) << "and stays at the end";
}

// Whoever writes into a pipe may write the rest much later, or never.
TEST_F(ReadAhead, ReadsStandardInputOnlyAsItIsAskedFor) {
  const std::vector<std::uint8_t> whole = bytes_of(path_);
  const std::size_t part = whole.size() / 2;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const int input = ::dup(STDIN_FILENO);
  ASSERT_EQ(::dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
  ASSERT_EQ(::write(ends[1], whole.data(), part), static_cast<::ssize_t>(part));
  {
    TraceReader reader = TraceReader::open("-", options_);
    EventBatch batch;
    ASSERT_TRUE(reader.next(batch));
    EXPECT_EQ(batch.events.size(), 1000u);
  }
  ::dup2(input, STDIN_FILENO);
  for (const int end : {ends[0], ends[1], input}) ::close(end);
}

}  // namespace
}  // namespace pymemlab::testing
