// The smallest trace on which a command still fails.
#include "core/trace/edits/minimize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/input_error.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::read_all;
using testing::scratch;

// A command that looks into a candidate: its status is the program's of awk over the text format.
std::string awk(const std::string& program) {
  const char* pymemlab = std::getenv("PYMEMLAB");
  return std::string(pymemlab == nullptr ? "pymemlab" : pymemlab) +
         " convert --to text {} - | awk '" + program + "'";
}

struct Minimized {
  MinimizeResult result;
  std::vector<std::string> events;
};
Minimized minimized(const std::string& command, std::uint64_t most_runs = 10000) {
  Minimized minimized;
  minimized.result = minimize_trace(
      scratch("a.pmtrace"), scratch("b.pmtrace"),
      {.command = command, .candidate = scratch("candidate"), .most_runs = most_runs}, {});
  trace_format_named("text").export_file(scratch("b.pmtrace"), scratch("b.txt"));
  const std::vector<std::uint8_t> bytes = testing::bytes_of(scratch("b.txt"));
  std::string line;
  for (const std::uint8_t byte : bytes) {
    line += static_cast<char>(byte);
    if (byte != '\n') continue;
    if (line.rfind("meta ", 0) != 0 && line.rfind("pymemlab", 0) != 0)
      minimized.events.push_back(line.substr(0, line.size() - 1));
    line.clear();
  }
  return minimized;
}
std::string refusal_of(const std::string& command) {
  try {
    minimized(command);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

class Minimize : public ::testing::Test {
 protected:
  // Between a hundreds of events of no interest: a block that is resized and freed late, and a
  // mark.
  static void SetUpTestSuite() {
    TraceWriter writer = TraceWriter::create(scratch("a.pmtrace"), {.source = "test"});
    std::vector<Slot> noise;
    const auto some_noise = [&] {
      for (std::uint64_t i = 0; i < 24; ++i) noise.push_back(writer.malloc(Domain::obj, 16 + i));
      for (int i = 0; i < 20; ++i) {
        writer.free(Domain::obj, noise.back());
        noise.pop_back();
      }
    };
    some_noise();
    const Slot block = writer.malloc(Domain::raw, 1001);
    some_noise();
    writer.realloc(Domain::raw, block, 2002);
    some_noise();
    writer.mark("here");
    some_noise();
    writer.free(Domain::raw, block);
    some_noise();
    writer.finish();
  }
};

TEST_F(Minimize, LeavesOnlyWhatTheCommandFailsOn) {
  const Minimized of =
      minimized(awk("/r raw .* 2002/ {a=1} /mark/ {b=1} END {exit a && b ? 3 : 0}"));
  EXPECT_THAT(of.events, ElementsAre("m raw 1001 =0", "r raw 0 2002", "mark \"here\""));
  EXPECT_EQ(of.result.status, 3);
  EXPECT_EQ(of.result.events_before, 224u);
  EXPECT_EQ(of.result.events_after, 3u);
  EXPECT_TRUE(of.result.is_smallest);
  EXPECT_THAT(of.result.report.losses, IsEmpty());
  const TraceMetadata metadata = read_all(scratch("b.pmtrace")).metadata;
  EXPECT_EQ(metadata.extra["minimized"]["events_before"], 224);
}

TEST_F(Minimize, KeepsAFreeWithItsBlock) {
  EXPECT_THAT(minimized(awk("/^f raw/ {a=1} END {exit a}")).events,
              ElementsAre("m raw 1001 =0", "f raw 0"));
}

// A command that fails in another way has not found what is sought.
TEST_F(Minimize, WantsTheStatusThatTheWholeTraceGives) {
  const std::string program = "/r raw/ {a=1} /mark/ {b=1} END {exit a ? 4 : b ? 5 : 0}";
  EXPECT_THAT(minimized(awk(program)).events, ElementsAre("m raw 1001 =0", "r raw 0 2002"));
}

TEST_F(Minimize, TakesADeathBySignalForAFailure) {
  const Minimized of = minimized(awk("/mark/ {a=1} END {exit a}") + " || kill -ABRT $$");
  EXPECT_EQ(of.result.status, 128 + 6);
  EXPECT_THAT(of.events, ElementsAre("mark \"here\""));
}

// Only together do the two go: single events never can.
TEST_F(Minimize, LeavesOutBlocksAsAWhole) {
  const std::string balanced =
      "/^m obj/ {n++} /^f obj/ {n--} /mark/ {a=1} END {exit a && n == 20 ? 1 : 0}";
  const Minimized of = minimized(awk(balanced));
  EXPECT_EQ(of.result.events_after, 21u);
}

TEST_F(Minimize, StopsWhenTheRunsRunOutWithTheBestSoFar) {
  const Minimized of = minimized(awk("/mark/ {a=1} END {exit a}"), 4);
  EXPECT_EQ(of.result.runs, 4u);
  EXPECT_FALSE(of.result.is_smallest);
  EXPECT_LT(of.events.size(), 224u);
  EXPECT_THAT(of.events, ::testing::Contains("mark \"here\""));
}

TEST_F(Minimize, GivesTheCandidatesPathInAVariableToo) {
  EXPECT_EQ(minimized("test ! -s \"$PYMEMLAB_TRACE\"").events.size(), 0u);
}

TEST_F(Minimize, SaysWhenTheCommandFailsOnlySometimes) {
  std::filesystem::remove(scratch("count"));
  const std::string count = scratch("count");
  const Minimized of = minimized("echo >>" + count + "; test $(wc -l <" + count + ") -gt 2", 600);
  EXPECT_THAT(of.result.report.losses, ElementsAre(HasSubstr("it fails only sometimes")));
}

TEST_F(Minimize, RefusesACommandThatDoesNotFail) {
  EXPECT_THAT(refusal_of("true"), HasSubstr("'true' ends with status 0 on the whole trace"));
  EXPECT_THAT(refusal_of("/nonexistent {}"), HasSubstr("there is no such command"));
}

// Any part of any trace can be written, and is then as it is: nothing names what is not there.
TEST(EventList, WritesAnyPartOfATrace) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    write_stream(testing::random_stream({.events = 2000, .seed = seed}), scratch("r.pmtrace"));
    const std::size_t events = read_all(scratch("r.pmtrace")).operations.size();
    const MinimizeResult result = minimize_trace(scratch("r.pmtrace"), scratch("s.pmtrace"),
                                                 {.command = "test $(stat -c %s {}) -lt 3000",
                                                  .candidate = scratch("candidate"),
                                                  .most_runs = 120},
                                                 {});
    EXPECT_LT(result.events_after, events);
    EXPECT_EQ(read_all(scratch("s.pmtrace")).operations.size(), result.events_after);
  }
}

}  // namespace
}  // namespace pymemlab
