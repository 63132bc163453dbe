// When a recording is on: options and signals.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/interpreters.h"
#include "tests/record/recording.h"

namespace pymemlab {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class RecordControl : public RecordTest, public testing::WithParamInterface<Interpreter> {
 protected:
  [[nodiscard]] static const std::string& python() { return GetParam().path; }
  [[nodiscard]] std::vector<std::string> words(const std::vector<std::string>& options,
                                               const std::string& script) const {
    write_file("script.py", script);
    std::vector<std::string> words = {pymemlab(), "record", "-o", trace()};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--", python(), "-u", in_folder("script.py")});
    return words;
  }
  // Every tool says that its figures are, and none is stopped by it but verify.
  static void expect_approximate(const std::string& trace) {
    const std::string why = "recording began late";
    EXPECT_THAT(run({pymemlab(), "info", trace}).out, HasSubstr(why));
    EXPECT_THAT(run({pymemlab(), "info", "--format", "json", trace}).out,
                HasSubstr("\"approximate\": \"" + why));
    const CommandResult replayed =
        run({pymemlab(), "replay", trace, "--rounds", "1", "--allow-debug-build", "-o", "-"});
    EXPECT_EQ(replayed.status, 0) << replayed.err;
    EXPECT_THAT(replayed.err, HasSubstr(why));
    EXPECT_THAT(replayed.out, HasSubstr("\"approximate\": \"" + why));
    const CommandResult checked = run({pymemlab(), "check", trace});
    EXPECT_EQ(checked.status, 0) << checked.out;
    const CommandResult verified = run({pymemlab(), "verify", trace});
    EXPECT_EQ(verified.status, 2);
    EXPECT_THAT(verified.err,
                AllOf(HasSubstr(why), HasSubstr("verify a recording that holds all")));
  }
  // Lets the program go on to `step`, and waits until it is done.
  void go_on(const Command& recording, int step) const {
    write_file(fmt::format("step{}", step), "");
    ASSERT_TRUE(recording.has_printed(fmt::format("did {}\n", step)));
  }
  // Waits until the trace ends, for now, with a pause.
  [[nodiscard]] bool has_paused() const {
    return comes_true([&] {
      const std::vector<std::string> marks = facts_so_far().marks;
      return !marks.empty() && marks.back() == "recording paused";
    });
  }
  // Takes a program of kSteps through a start, a pause and another start.
  void start_pause_and_go_on(const Command& recording) const {
    ASSERT_TRUE(recording.has_printed("ready\n"));
    ::kill(recording.id(), SIGUSR1);
    ASSERT_TRUE(wants_events(recording));
    go_on(recording, 1);
    ::kill(recording.id(), SIGUSR2);
    ASSERT_TRUE(has_paused());
    go_on(recording, 2);
    ::kill(recording.id(), SIGUSR1);
    ASSERT_TRUE(wants_events(recording));
    go_on(recording, 3);
  }
};

// Does a step as soon as there is a file of its name beside the script.
constexpr const char* kSteps = R"py(
import os, sys, time
def step(number, size):
    name = os.path.join(os.path.dirname(__file__), 'step%d' % number)
    while not os.path.exists(name): time.sleep(0.005)
    kept.append(bytearray(size))
    if number == 3: kept.pop(0)
    print('did %d' % number)
kept = [bytearray(1110000)]
print('ready')
step(1, 2220000)
step(2, 3330000)
step(3, 4440000)
)py";

TEST_P(RecordControl, StartsStopsAndGoesOnWhenItIsSignalled) {
  Command recording(words({"--start-paused"}, kSteps));
  ASSERT_NO_FATAL_FAILURE(start_pause_and_go_on(recording));
  EXPECT_EQ(recording.result().status, 0);
  const TraceFacts facts = this->facts();
  EXPECT_EQ(facts.damage, std::nullopt);
  EXPECT_THAT(facts.sizes, Not(about(1110000)));
  EXPECT_THAT(facts.sizes, about(2220000));
  EXPECT_THAT(facts.sizes, Not(about(3330000)));
  EXPECT_THAT(facts.sizes, about(4440000));
  EXPECT_GT(facts.unknown, 0u);
  EXPECT_EQ(facts.marks, (std::vector<std::string>{"recording started", "recording paused",
                                                   "recording resumed"}));
  EXPECT_EQ(facts.metadata.unknown, (std::vector<std::string>{"start", "pauses"}));
  EXPECT_EQ(facts.metadata.extra.at("pauses"), 1);
  EXPECT_EQ(facts.overlaps, 0u);
  // All that it has had so far, although it asked for most of them before.
  EXPECT_GT(facts.kinds.at(EventKind::arena_alloc), 0u);
  expect_approximate(trace());
}

TEST_P(RecordControl, StartsLateAndStopsEarlyWhenItIsTold) {
  const std::string script = R"py(
import os, time
kept = [bytearray(1110000)]
while not os.path.exists(os.path.join(os.path.dirname(__file__), 'go-on')):
    kept = [bytearray(2220000)]
    time.sleep(0.005)
kept = [bytearray(3330000)]
)py";
  Command recording(words({"--start-after", "1.5", "--for", "0.8"}, script));
  ASSERT_TRUE(has_paused());
  write_file("go-on", "");
  ASSERT_EQ(recording.result().status, 0);
  const TraceFacts facts = this->facts();
  EXPECT_THAT(facts.sizes, AllOf(Not(about(1110000)), about(2220000), Not(about(3330000))));
  EXPECT_EQ(facts.marks, (std::vector<std::string>{"recording started", "recording paused"}));
  EXPECT_EQ(facts.metadata.unknown, std::vector<std::string>{"start"});
}

// A trace that only ends early lacks nothing of what it tells.
TEST_P(RecordControl, ProvesATraceThatEndsEarly) {
  const std::string script = R"py(
import os, time
kept = [str(i) for i in range(9000)]
while not os.path.exists(os.path.join(os.path.dirname(__file__), 'go-on')): time.sleep(0.005)
more = [str(i) for i in range(99000)]
)py";
  Command recording(words({"--for", "1.5"}, script));
  ASSERT_TRUE(has_paused());
  write_file("go-on", "");
  ASSERT_EQ(recording.result().status, 0);
  const TraceFacts facts = this->facts();
  EXPECT_EQ(facts.marks, std::vector<std::string>{"recording paused"});
  EXPECT_EQ(facts.metadata.unknown, std::vector<std::string>{});
  const CommandResult verified = run({pymemlab(), "verify", trace()});
  EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
}

// Whoever has put itself in front of the hooks calls those that it has found there.
TEST_P(RecordControl, StartsAndStopsBehindTracemalloc) {
  const std::string script = std::string("import tracemalloc\ntracemalloc.start()\n") + kSteps;
  Command recording(words({"--start-paused"}, script));
  ASSERT_NO_FATAL_FAILURE(start_pause_and_go_on(recording));
  EXPECT_EQ(recording.result().status, 0);
  const TraceFacts facts = this->facts();
  EXPECT_THAT(facts.sizes,
              AllOf(Not(about(1110000)), about(2220000), Not(about(3330000)), about(4440000)));
  EXPECT_EQ(facts.overlaps, 0u);
}

// Nobody has seen the blocks it inherits, nor can its parent's trace tell of them.
TEST_P(RecordControl, GivesAChildThatIsForkedDuringAPauseATraceThatBeginsLate) {
  write_file("script.py", R"py(
import os, time
kept = bytearray(1110000)
child = os.fork()
if child == 0:
    print('ready')
    while not os.path.exists(os.path.join(os.path.dirname(__file__), 'go-on')): time.sleep(0.005)
    del kept
    mine = bytearray(2220000)
    os._exit(0)
os.waitpid(child, 0)
)py");
  Command recording({pymemlab(), "record", "--start-paused", "-o", in_folder("traces/"), "--",
                     python(), "-u", in_folder("script.py")});
  ASSERT_TRUE(recording.has_printed("ready\n"));
  ::kill(recording.id(), SIGUSR1);
  ASSERT_TRUE(wants_events(recording));
  write_file("go-on", "");
  const CommandResult recorded = recording.result();
  ASSERT_EQ(recorded.status, 0) << recorded.err;
  unsigned children = 0;
  for (const auto& entry : std::filesystem::directory_iterator(in_folder("traces"))) {
    if (entry.path().extension() != ".pmtrace") continue;
    const TraceFacts facts = read_facts(entry.path());
    EXPECT_EQ(facts.metadata.unknown, std::vector<std::string>{"start"});
    EXPECT_THAT(facts.sizes, Not(about(1110000)));
    if (!testing::Matches(about(2220000))(facts.sizes)) continue;
    ++children;
    EXPECT_GT(facts.unknown, 0u);
    EXPECT_EQ(facts.metadata.extra.at("parent_events"), 0);
  }
  EXPECT_EQ(children, 1u);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RecordControl);
INSTANTIATE_TEST_SUITE_P(Record, RecordControl, testing::ValuesIn(interpreters_in_turn()),
                         [](const auto& info) { return info.param.test_name(); });

class RecordControlCommand : public RecordTest {};

TEST_F(RecordControlCommand, SaysThatNothingWasRecordedIfItWasNeverStarted) {
  if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  const CommandResult result = run({pymemlab(), "record", "--start-paused", "-o", trace(), "--",
                                    interpreters().back().path, "-c", "print(1)"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "1\n");
  EXPECT_EQ(result.err, "pymemlab: nothing was recorded: recording was never started\n");
  EXPECT_EQ(facts().events, 0u);
}

TEST_F(RecordControlCommand, RefusesTimesThatAreNone) {
  for (const char* time : {"-1", "soon", "1e300"}) {
    const CommandResult result =
        run({pymemlab(), "record", "--for", time, "-o", trace(), "--", "true"});
    EXPECT_EQ(result.status, 2) << time;
    EXPECT_THAT(result.err, HasSubstr("--for")) << time;
  }
  EXPECT_EQ(
      run({pymemlab(), "record", "--start-paused", "--start-after", "1", "--", "true"}).status, 2);
}

}  // namespace
}  // namespace pymemlab
