// Every process of a tree has its trace, on every CPython of this machine.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/record/process_tree.h"
#include "tests/interpreters.h"
#include "tests/record/recording.h"

namespace pymemlab {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class ProcessTree : public RecordTest {
 protected:
  [[nodiscard]] std::string folder() const { return in_folder("traces"); }
  [[nodiscard]] CommandResult record_tree(const std::vector<std::string>& command,
                                          const CommandOptions& options = {}) const {
    std::vector<std::string> words = {pymemlab(), "record", "--all-processes",
                                      "-o",       folder(), "--"};
    words.insert(words.end(), command.begin(), command.end());
    return run(words, options);
  }
  [[nodiscard]] json tree() const {
    std::ifstream file(folder() + "/tree.json");
    return json::parse(file);
  }
  [[nodiscard]] json processes() const { return tree().at("processes"); }
  [[nodiscard]] std::string path_of(const json& process) const {
    return folder() + "/" + process.at("trace").get<std::string>();
  }
  [[nodiscard]] TraceFacts facts_of(const json& process) const {
    return read_facts(path_of(process));
  }
  // Every trace is whole, frees nothing that it has not seen, and is proved: the model, starting
  // from the parent's state where a process was forked, places every block as the process did.
  void expect_sound() const {
    for (const json& process : processes()) {
      SCOPED_TRACE(process.dump());
      const TraceFacts facts = facts_of(process);
      EXPECT_EQ(facts.damage, std::nullopt);
      EXPECT_EQ(facts.unknown, 0u);
      EXPECT_EQ(facts.overlaps, 0u);
      EXPECT_EQ(facts.events, process.at("events"));
      EXPECT_EQ(process.at("loss"), nullptr);
      const CommandResult verified = run({pymemlab(), "verify", path_of(process)});
      EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
    }
  }
};

class ProcessTreeOf : public ProcessTree, public testing::WithParamInterface<Interpreter> {
 protected:
  [[nodiscard]] static const std::string& python() { return GetParam().path; }
  [[nodiscard]] CommandResult record_script(const std::string& script) const {
    write_file("script.py", script);
    return record_tree({python(), in_folder("script.py")});
  }
  // The one whose bytearray of that size is its own, not its parent's.
  [[nodiscard]] std::optional<json> process_that_asked_for(std::uint64_t bytes) const {
    std::optional<json> found;
    for (const json& process : processes()) {
      if (!testing::Matches(about(bytes))(facts_of(process).sizes)) continue;
      EXPECT_FALSE(found.has_value()) << bytes << " bytes in two processes";
      found = process;
    }
    EXPECT_TRUE(found.has_value()) << bytes << " bytes in no process";
    return found;
  }
};

TEST_P(ProcessTreeOf, StartsAForkedChildFromItsParentsState) {
  const CommandResult recorded = record_script(R"py(
import os
before = bytearray(1111111)
kept = [str(i) * 3 for i in range(3000)]
child = os.fork()
if child == 0:
    inside = bytearray(2222222)
    del kept[:1500]
    more = [[i] for i in range(3000)]
    grandchild = os.fork()
    if grandchild == 0:
        deep = bytearray(3333333)
        kept = more = None
        os._exit(6)
    os._exit(os.waitpid(grandchild, 0)[1] >> 8)
print(os.waitpid(child, 0)[1] >> 8)
after = bytearray(4444444)
)py");
  EXPECT_EQ(recorded.status, 0);
  EXPECT_EQ(recorded.out, "6\n");
  const json processes = this->processes();
  ASSERT_EQ(processes.size(), 3u);
  expect_sound();
  const auto sizes = [&](std::size_t i) { return facts_of(processes[i]).sizes; };
  for (std::size_t i = 0; i < 3; ++i) EXPECT_THAT(sizes(i), about(1111111));
  EXPECT_THAT(sizes(0), AllOf(Not(about(2222222)), about(4444444)));
  EXPECT_THAT(sizes(1), AllOf(about(2222222), Not(about(3333333))));
  EXPECT_THAT(sizes(2), AllOf(about(2222222), about(3333333)));
  EXPECT_THAT(sizes(2), Not(about(4444444)));
  EXPECT_EQ(processes[0].at("forked_from"), nullptr);
  for (const std::size_t child : {1u, 2u}) {
    const json& parent = processes[child - 1];
    EXPECT_EQ(processes[child].at("parent"), parent.at("pid"));
    EXPECT_EQ(processes[child].at("forked_from").at("trace"), parent.at("trace"));
    const TraceMetadata metadata = facts_of(processes[child]).metadata;
    EXPECT_EQ(metadata.parent, parent.at("pid").get<std::int64_t>());
    EXPECT_EQ(metadata.extra.at("parent_trace"), parent.at("trace"));
    EXPECT_EQ(metadata.extra.at("parent_events"), processes[child].at("forked_from").at("events"));
    EXPECT_GT(processes[child].at("events"), metadata.extra.at("parent_events"));
  }
}

// The threads hold no lock that the fork waits for, and are gone in the child.
TEST_P(ProcessTreeOf, StartsAChildFromAProcessWithThreads) {
  const CommandResult recorded = record_script(R"py(
import os, threading
done = threading.Event()
def work():
    while not done.is_set(): [str(i) * 3 for i in range(200)]
def fork():
    for _ in range(3):
        child = os.fork()
        if child == 0:
            kept = [[str(i)] for i in range(3000)]
            late = threading.Thread(target=lambda: [str(i) * 2 for i in range(3000)])
            late.start(); late.join()
            os._exit(0)
        os.waitpid(child, 0)
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
forker = threading.Thread(target=fork)
forker.start(); forker.join()
done.set()
for thread in threads: thread.join()
)py");
  EXPECT_EQ(recorded.status, 0) << recorded.err;
  EXPECT_EQ(processes().size(), 4u);
  expect_sound();
}

TEST_P(ProcessTreeOf, FollowsMultiprocessingHoweverItStarts) {
  const CommandResult recorded = record_script(R"py(
import multiprocessing, sys
def work(size):
    kept = bytearray(size)
    return len(kept)
if __name__ == '__main__':
    for i, how in enumerate(['fork', 'spawn', 'forkserver']):
        context = multiprocessing.get_context(how)
        process = context.Process(target=work, args=(3333000 + 1000 * i,))
        process.start(); process.join()
        assert process.exitcode == 0
    print('done')
)py");
  ASSERT_EQ(recorded.out, "done\n") << recorded.err;
  expect_sound();
  const auto forked = process_that_asked_for(3333000);
  const auto spawned = process_that_asked_for(3334000);
  const auto served = process_that_asked_for(3335000);
  ASSERT_TRUE(forked && spawned && served);
  EXPECT_EQ(forked->at("forked_from").at("trace"), processes()[0].at("trace"));
  EXPECT_EQ(spawned->at("forked_from"), nullptr);
  EXPECT_NE(served->at("forked_from"), nullptr);
  EXPECT_NE(served->at("forked_from").at("trace"), processes()[0].at("trace"));
}

TEST_P(ProcessTreeOf, FollowsProgramsThatItStartsWithWhateverEnvironment) {
  const std::string other = interpreters().front().path;
  const CommandResult recorded = record_script(fmt::format(R"py(
import os, subprocess, sys
def code(size):
    return ("import os; x = bytearray(%d); "
            "print([v for v in os.environ if v in ('PYMEMLAB_RING', 'LD_PRELOAD')])" % size)
def run(*command, **options):
    print(subprocess.check_output(command, **options).decode(), end='')
run(sys.executable, '-c', code(1112000))
run(sys.executable, '-c', code(1113000), env={{'A': 'b'}})
run('env', '-i', '{}', '-c', code(1114000))
run(sys.executable, '-c', code(1115000), preexec_fn=lambda: None)
run('true')
sys.stdout.flush()
os.system('exec ' + sys.executable + ' -c "' + code(1116000) + '"')
child = os.spawnve(os.P_NOWAIT, sys.executable, [sys.executable, '-c', code(1117000)], {{}})
os.waitpid(child, 0)
)py",
                                                           other));
  EXPECT_EQ(recorded.status, 0) << recorded.err;
  EXPECT_EQ(recorded.out, "[]\n[]\n[]\n[]\n[]\n[]\n");
  expect_sound();
  for (const unsigned size : {1112000u, 1113000u, 1114000u, 1115000u, 1116000u, 1117000u})
    EXPECT_TRUE(process_that_asked_for(size).has_value());
}

// Up to 3.9 subprocess forks; the child makes no event before it runs the other program.
TEST_P(ProcessTreeOf, LeavesNoTraceOfAChildThatOnlyRunsAnotherProgram) {
  const CommandResult recorded = record_script(R"py(
import os, subprocess
for _ in range(3): subprocess.check_call(['true'])
os.system('true')
)py");
  EXPECT_EQ(recorded.status, 0);
  EXPECT_EQ(processes().size(), 1u);
  expect_sound();
}

TEST_P(ProcessTreeOf, GivesAProgramThatReplacesAnotherATraceOfItsOwn) {
  const CommandResult recorded = record_script(R"py(
import os, sys
before = bytearray(1111111)
os.execv(sys.executable, [sys.executable, '-c', 'import sys; x = bytearray(2222222); sys.exit(3)'])
)py");
  EXPECT_EQ(recorded.status, 3);
  const json processes = this->processes();
  ASSERT_EQ(processes.size(), 2u);
  expect_sound();
  EXPECT_EQ(processes[0].at("pid"), processes[1].at("pid"));
  EXPECT_NE(processes[0].at("trace"), processes[1].at("trace"));
  EXPECT_EQ(processes[0].at("exit"), "exec");
  EXPECT_EQ(processes[1].at("exit").at("status"), 3);
  EXPECT_THAT(facts_of(processes[0]).sizes, about(1111111));
  EXPECT_THAT(facts_of(processes[1]).sizes, AllOf(about(2222222), Not(about(1111111))));
}

TEST_P(ProcessTreeOf, KeepsWhatEachProcessDidBeforeItsSuddenEnd) {
  const CommandResult recorded = record_script(R"py(
import os, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
ends = [lambda: os._exit(4), os.abort, lambda: os.kill(os.getpid(), 9),
        lambda: os.kill(os.getpid(), 11)]
for i, end in enumerate(ends):
    child = os.fork()
    if child == 0:
        last = bytearray(5550000 + i * 1000)
        end()
    os.waitpid(child, 0)
)py");
  EXPECT_EQ(recorded.status, 0) << recorded.err;
  expect_sound();
  const int statuses[] = {4, 128 + SIGABRT, 128 + SIGKILL, 128 + SIGSEGV};
  for (unsigned i = 0; i < 4; ++i) {
    const auto process = process_that_asked_for(5550000 + i * 1000);
    ASSERT_TRUE(process.has_value());
    // Only newer kernels tell how somebody else's child ended.
    if (process->at("exit") != nullptr) {
      EXPECT_EQ(process->at("exit").at("status"), statuses[i]);
    }
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ProcessTreeOf);
INSTANTIATE_TEST_SUITE_P(Record, ProcessTreeOf, testing::ValuesIn(interpreters_in_turn()),
                         [](const auto& info) { return info.param.test_name(); });

TEST_F(ProcessTree, IsSummedUpOnStandardErrorAndInAFile) {
  if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  const std::string python = interpreters().back().path;
  const CommandResult result =
      record_tree({"sh", "-c", python + " -c 'print(1)'; " + python + " -c 'exit(4)'; exit 9"});
  EXPECT_EQ(result.status, 9);
  EXPECT_EQ(result.out, "1\n");
  EXPECT_THAT(result.err,
              HasSubstr("pymemlab: recorded 2 processes: " + folder() + "/tree.json\n"));
  const json tree = this->tree();
  EXPECT_EQ(tree.at("exit_status"), 9);
  EXPECT_EQ(tree.at("not_recorded"), 0);
  ASSERT_EQ(tree.at("processes").size(), 2u);
  const json& second = tree.at("processes")[1];
  EXPECT_THAT(result.err,
              HasSubstr(fmt::format("pymemlab: process {} of {} (", second.at("pid").dump(),
                                    second.at("parent").dump())));
  EXPECT_EQ(second.at("command"), json({python, "-c", "exit(4)"}));
  EXPECT_EQ(second.at("python"), interpreters().back().version);
  if (second.at("exit") != nullptr) {
    EXPECT_EQ(second.at("exit").at("status"), 4);
  }
}

TEST_F(ProcessTree, WantsAnEmptyFolderThatCanBeWritten) {
  const CommandResult none = record_tree({"true"});
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(none.err, HasSubstr("no CPython was found in 'true'"));
  EXPECT_FALSE(std::filesystem::exists(folder()));

  std::filesystem::create_directory(folder());
  write_file("traces/note", "mine");
  const CommandResult full = record_tree({"touch", in_folder("started")});
  EXPECT_EQ(full.status, 2);
  EXPECT_THAT(full.err,
              EndsWith("traces: is not an empty folder; name a new one for the traces\n"));
  const CommandResult nowhere = run(
      {pymemlab(), "record", "-o", in_folder("no/where/"), "--", "touch", in_folder("started")});
  EXPECT_EQ(nowhere.status, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("no/where/: cannot be created: No such file or directory"));
  EXPECT_FALSE(std::filesystem::exists(in_folder("started")));
}

TEST(TraceNames, TellProcessesAndTheirProgramsApart) {
  TraceNames names;
  EXPECT_EQ(names.next(12, {"/usr/bin/python3", "-X", "dev", "-u", "/a/app.py", "b.py"}),
            "12-app.pmtrace");
  EXPECT_EQ(names.next(13, {"python3.11", "-m", "http.server", "8000"}), "13-http.server.pmtrace");
  EXPECT_EQ(names.next(12, {"python3", "-c", "print(1)"}), "12.2-python3.pmtrace");
  EXPECT_EQ(names.next(12, {"/opt/a b/c d", "app.py"}), "12.3-c_d.pmtrace");
  EXPECT_EQ(names.next(14, {}), "14-python.pmtrace");
}

}  // namespace
}  // namespace pymemlab
