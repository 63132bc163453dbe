// Recording a process that runs already: the agent is put into it with gdb.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/interpreters.h"
#include "tests/record/recording.h"

namespace pymemlab {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// Makes blocks until there is a file `stop` beside it, in as many more threads as it is told; large
// ones once there is a file `more`.
constexpr const char* kService = R"py(
import os, sys, threading, time
def there(name):
    return os.path.exists(os.path.join(os.path.dirname(os.path.abspath(__file__)), name))
def work():
    kept = [bytearray(1110000)]
    while not there('stop'):
        kept.append([str(i) for i in range(500)])
        kept = kept[-3:] + [threading.Lock()]
        if there('more'):
            kept.append(bytearray(2220000))
            if not more: say('made more')
            more.append(True)
        time.sleep(0.001)
def say(line):
    sys.stdout.write(line + '\n')  # in one piece, whoever else does
more = []
threads = [threading.Thread(target=work) for _ in range(int(sys.argv[1]))]
for thread in threads: thread.start()
say('ready')
work()
for thread in threads: thread.join()
say('done')
)py";

class RecordAttach : public RecordTest {
 protected:
  [[nodiscard]] std::vector<std::string> service(const std::string& python, int more_threads = 0,
                                                 const std::string& script = kService) const {
    write_file("service.py", script);
    return {python, "-u", in_folder("service.py"), std::to_string(more_threads)};
  }
  [[nodiscard]] std::vector<std::string> attaching(
      const Command& to, const std::vector<std::string>& options = {}) const {
    std::vector<std::string> words = {pymemlab(), "attach", std::to_string(to.id()), "-o", trace()};
    words.insert(words.end(), options.begin(), options.end());
    return words;
  }
  // Attaches, to the end. The caller returns if the test is over then.
  void attach(const Command& to, const std::vector<std::string>& options) {
    result_ = run(attaching(to, options));
    skip_if_forbidden(result_.err);
    if (IsSkipped()) return;
    ASSERT_EQ(result_.status, 0) << result_.err;
  }
  // Waits until `attached` records. The caller returns if the test is over then.
  void wait_for(Command& attached) {
    if (comes_true([&] { return !facts_so_far().marks.empty(); })) return;
    result_ = attached.result();
    skip_if_forbidden(result_.err);
    if (!IsSkipped()) FAIL() << result_.err;
  }
  [[nodiscard]] static bool is_over() { return IsSkipped() || HasFatalFailure(); }
  // A machine may forbid debuggers, as many containers do.
  static void skip_if_forbidden(const std::string& said) {
    if (said.find("the kernel does not let gdb into") != std::string::npos) GTEST_SKIP() << said;
  }
  CommandResult result_;  // of the latest attach()

  // The process is none the worse.
  void expect_end(Command& service) const {
    write_file("stop", "");
    const CommandResult result = service.result();
    EXPECT_EQ(result.status, 0);
    EXPECT_THAT(result.out, testing::EndsWith("done\n"));
    EXPECT_EQ(result.err, "");
  }
  void expect_late_trace(const TraceFacts& facts) const {
    EXPECT_EQ(facts.damage, std::nullopt);
    EXPECT_EQ(facts.metadata.unknown, (std::vector<std::string>{"start"}));
    EXPECT_THAT(facts.marks, Contains("recording started"));
    EXPECT_EQ(facts.overlaps, 0u);
    EXPECT_GT(facts.requests[static_cast<std::size_t>(Domain::obj)], 1000u);
    EXPECT_GT(facts.unknown, 0u) << "blocks from before are freed";
  }
};

class RecordAttachTo : public RecordAttach, public testing::WithParamInterface<Interpreter> {};

TEST_P(RecordAttachTo, RecordsForATimeAndLeavesAgain) {
  Command running(service(GetParam().path, 3));
  write_file("more", "");
  ASSERT_TRUE(running.has_printed("made more\n"));
  attach(running, {"--for", "0.3"});
  if (is_over()) return;
  EXPECT_THAT(result_.err, HasSubstr("pymemlab: recorded "));
  const TraceFacts facts = this->facts();
  expect_late_trace(facts);
  EXPECT_THAT(facts.sizes, about(2220000));
  EXPECT_EQ(facts.by_thread.size(), 4u);
  EXPECT_EQ(facts.metadata.python->version, GetParam().version);
  EXPECT_EQ(facts.metadata.command, service(GetParam().path, 3));
  EXPECT_EQ(facts.metadata.pid, running.id());
  EXPECT_FALSE(facts.metadata.extra.contains("exit_status"));
  const CommandResult valid = run({pymemlab(), "info", "--validate", trace()});
  EXPECT_EQ(valid.status, 0) << valid.err;
  expect_end(running);
}

TEST_P(RecordAttachTo, RecordsUntilTheProcessEnds) {
  Command running(service(GetParam().path));
  ASSERT_TRUE(running.has_printed("ready\n"));
  Command attached(attaching(running, {"--sites"}));
  wait_for(attached);
  if (is_over()) return;
  write_file("more", "");
  ASSERT_TRUE(running.has_printed("made more\n"));
  expect_end(running);
  const CommandResult result = attached.result();
  EXPECT_EQ(result.status, 0) << result.err;
  expect_late_trace(facts());
  EXPECT_THAT(facts().sizes, about(2220000));
  EXPECT_THAT(run({pymemlab(), "info", "--top=5", trace()}).out,
              HasSubstr("service.py:11 in work"));
}

// Of what it does between its naps the compiler may have inlined all that could stop it.
TEST_P(RecordAttachTo, EntersAProcessThatMostlySleeps) {
  Command running(service(GetParam().path, 0, R"py(
import os, time
print('ready')
while not os.path.exists(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'stop')):
    time.sleep(0.05)
print('done')
)py"));
  ASSERT_TRUE(running.has_printed("ready\n"));
  attach(running, {"--wait", "20", "--for", "0.2"});
  if (is_over()) return;
  EXPECT_GT(facts().events, 0u);
  expect_end(running);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RecordAttachTo);
INSTANTIATE_TEST_SUITE_P(Record, RecordAttachTo, testing::ValuesIn(interpreters_in_turn()),
                         [](const auto& info) { return info.param.test_name(); });

class RecordAttachToSeveral : public RecordAttachTo {};

// Each with a GIL and an allocator of its own, and made before the agent came.
TEST_P(RecordAttachToSeveral, TellsIsolatedInterpretersApart) {
  const std::string script = R"py(
import os, sys, threading
if sys.version_info >= (3, 13):
    import _interpreters as i
    made = [i.create('isolated'), i.create('isolated')]
else:
    import _xxsubinterpreters as i
    made = [i.create(isolated=True), i.create(isolated=True)]
work = """
import os, time
while not os.path.exists(%r):
    kept = [str(n) * 3 for n in range(500)]
    time.sleep(0.001)
""" % os.path.join(os.path.dirname(os.path.abspath(__file__)), 'stop')
threads = [threading.Thread(target=i.run_string, args=(one, work)) for one in made]
for thread in threads: thread.start()
print('ready')
exec(work)
for thread in threads: thread.join()
print('done')
)py";
  Command running(service(GetParam().path, 0, script));
  ASSERT_TRUE(running.has_printed("ready\n"));
  attach(running, {"--for", "0.3"});
  if (is_over()) return;
  expect_late_trace(facts());
  EXPECT_EQ(facts().by_interpreter.size(), 3u);
  expect_end(running);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RecordAttachToSeveral);
INSTANTIATE_TEST_SUITE_P(Record, RecordAttachToSeveral,
                         testing::ValuesIn(interpreters_in_turn(has_several_allocators)),
                         [](const auto& info) { return info.param.test_name(); });

TEST_F(RecordAttach, EndsWhenItIsInterruptedAndTheProcessRunsOn) {
  if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  Command running(service(interpreters().back().path));
  ASSERT_TRUE(running.has_printed("ready\n"));
  Command attached(attaching(running));
  wait_for(attached);
  if (is_over()) return;
  ::kill(attached.id(), SIGINT);
  const CommandResult result = attached.result();
  EXPECT_EQ(result.status, 0) << result.err;
  const TraceFacts facts = this->facts();
  expect_late_trace(facts);
  EXPECT_EQ(facts.marks.back(), "recording paused");
  expect_end(running);
}

// Each trace stands for itself.
TEST_F(RecordAttach, MayBeDoneAgain) {
  if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  Command running(service(interpreters().back().path, 2));
  ASSERT_TRUE(running.has_printed("ready\n"));
  for (const char* sites : {"--sites", "--wait=60", "--sites=3", "--sites"}) {
    SCOPED_TRACE(sites);
    attach(running, {"--for=0.2", sites});
    if (is_over()) return;
    expect_late_trace(facts());
    EXPECT_EQ(facts().by_thread.size(), 3u);
    const CommandResult sited = run({pymemlab(), "info", "--top=9", trace()});
    EXPECT_THAT(sited.out + sited.err, std::string(sites) == "--wait=60"
                                           ? HasSubstr("record with --sites")
                                           : HasSubstr("service.py:8 in work"));
  }
  expect_end(running);
}

TEST_F(RecordAttach, TakesOverFromARecorderThatWasKilled) {
  if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  // Does not fill a ring soon.
  Command running(service(interpreters().back().path, 0, R"py(
import os, time
print('ready')
while not os.path.exists(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'stop')):
    kept = [str(n) for n in range(100)]
    time.sleep(0.001)
print('done')
)py"));
  ASSERT_TRUE(running.has_printed("ready\n"));
  Command killed(attaching(running));
  wait_for(killed);
  if (is_over()) return;
  ::kill(killed.id(), SIGKILL);
  EXPECT_EQ(killed.result().status, 128 + SIGKILL);
  attach(running, {"--for", "0.3"});
  if (is_over()) return;
  expect_late_trace(facts());
  expect_end(running);
}

// Whatever stands in front of pymalloc already.
TEST_F(RecordAttach, EntersEveryConfiguration) {
  if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  using Variables = std::vector<std::pair<std::string, std::string>>;
  for (const Variables& environment :
       {Variables{{"PYTHONMALLOC", "malloc"}}, Variables{{"PYTHONMALLOC", "pymalloc_debug"}},
        Variables{{"PYTHONTRACEMALLOC", "1"}}, Variables{{"PYTHONDEVMODE", "1"}}}) {
    SCOPED_TRACE(environment[0].first + "=" + environment[0].second);
    std::filesystem::remove(in_folder("stop"));
    Command running(service(interpreters().back().path, 2), {.environment = environment});
    ASSERT_TRUE(running.has_printed("ready\n"));
    attach(running, {"--for", "0.1"});
    if (is_over()) return;
    expect_late_trace(facts());
    expect_end(running);
  }
}

// The thread that comes by may have errno yet to look at.
TEST_F(RecordAttach, LeavesErrnoAlone) {
  if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  Command running(service(interpreters().back().path, 0, R"py(
import ctypes, os
libc = ctypes.CDLL(None)
libc.__errno_location.restype = ctypes.POINTER(ctypes.c_int)
error = libc.__errno_location()
print('ready')
rounds = 0
stop = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'stop')
while rounds % 1000 or not os.path.exists(stop):
    error[0] = 4242
    kept = [str(n) for n in range(50)]
    assert error[0] == 4242, error[0]
    rounds += 1
print('done')
)py"));
  ASSERT_TRUE(running.has_printed("ready\n"));
  for (int times = 0; times < 3; ++times) {
    attach(running, {"--for", "0.05"});
    if (is_over()) return;
  }
  expect_end(running);
}

bool has_debugger(const Command& command) {
  std::ifstream status(fmt::format("/proc/{}/status", command.id()));
  for (std::string word; status >> word;) {
    int tracer = 0;
    if (word == "TracerPid:") return status >> tracer && tracer != 0;
  }
  return false;
}

TEST_F(RecordAttach, RefusesWhatItCannotEnterAndChangesNothing) {
  if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  const auto refused = [&](const std::string& pid, const CommandOptions& options = {}) {
    const CommandResult result =
        run({pymemlab(), "attach", pid, "--wait", "1", "-o", trace()}, options);
    EXPECT_EQ(result.status, 2);
    EXPECT_FALSE(std::filesystem::exists(trace()));
    return result.err;
  };
  EXPECT_THAT(refused("2000000000"), HasSubstr("there is no process 2000000000"));
  const std::string no_python = refused(std::to_string(::getpid()));
  skip_if_forbidden(no_python);
  if (IsSkipped()) return;
  EXPECT_THAT(no_python, HasSubstr("runs no CPython 3"));

  const std::string python = interpreters().back().path;
  ASSERT_EQ(::mkfifo(in_folder("go-on").c_str(), 0600), 0);
  Command idle(
      {python, "-uc", "print('ready'); open('" + in_folder("go-on") + "').read(); print('done')"});
  ASSERT_TRUE(idle.has_printed("ready\n"));
  EXPECT_THAT(refused(std::to_string(idle.id())), HasSubstr("attach while it is at work"));
  EXPECT_THAT(refused(std::to_string(idle.id()), {.environment = {{"PATH", "/nowhere"}}}),
              HasSubstr("Debian's package gdb"));
  Command interrupted(attaching(idle));
  ASSERT_TRUE(comes_true([&] { return has_debugger(idle); }));
  ::kill(interrupted.id(), SIGINT);
  const CommandResult result = interrupted.result();
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("interrupted before process"));
  write_file("go-on", "");
  EXPECT_EQ(idle.result().out, "ready\ndone\n");

  write_file("script.py", "import os\nprint(os.getpid(), 'ready')\nwhile True: str(1000.5)\n");
  Command recording({pymemlab(), "record", "-o", in_folder("r.pmtrace"), "--", python, "-u",
                     in_folder("script.py")});
  ASSERT_TRUE(recording.has_printed("ready\n"));
  EXPECT_THAT(refused(recording.out().substr(0, recording.out().find(' '))),
              HasSubstr("is being recorded"));
}

}  // namespace
}  // namespace pymemlab
