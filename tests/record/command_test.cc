// What `pymemlab record` does around the program: messages, exit statuses, signals, accidents.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>

#include "tests/interpreters.h"
#include "tests/record/recording.h"

namespace pymemlab {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class RecordCommand : public RecordTest {
 protected:
  [[nodiscard]] bool has_trace() const { return std::filesystem::exists(trace()); }
  // The newest interpreter; the tests that need one are skipped on a machine without.
  [[nodiscard]] static std::string python() {
    return interpreters().empty() ? "" : interpreters().back().path;
  }
};

#define PYMEMLAB_NEEDS_PYTHON() \
  if (python().empty()) GTEST_SKIP() << "no CPython on this machine"

TEST_F(RecordCommand, SaysThatNoPythonWasFoundWhenTheCommandSucceeds) {
  const CommandResult result = record({"true"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, ContainsRegex("^pymemlab: record: no CPython was found in 'true'.*\n$"));
  EXPECT_FALSE(has_trace());
}

TEST_F(RecordCommand, PassesOnTheStatusOfACommandThatFailsWithoutPython) {
  EXPECT_EQ(record({"sh", "-c", "exit 3"}).status, 3);
  EXPECT_EQ(record({"sh", "-c", "kill -9 $$"}).status, 128 + SIGKILL);
  EXPECT_FALSE(has_trace());
}

TEST_F(RecordCommand, SaysThatThereIsNoSuchCommand) {
  const CommandResult result = record({"no-such-command-anywhere"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.err,
            "pymemlab: cannot run no-such-command-anywhere: No such file or directory\n");
  EXPECT_FALSE(has_trace());
}

TEST_F(RecordCommand, RefusesToStartWithoutACommandOrAPlaceForTheTrace) {
  EXPECT_THAT(run({pymemlab(), "record"}).err, HasSubstr("wanted a command"));
  EXPECT_THAT(run({pymemlab(), "record", "-o", "-", "--", "true"}).err,
              HasSubstr("standard output belongs to the program"));
  const CommandResult unwritable = run({pymemlab(), "record", "-o", in_folder("nowhere/t.pmtrace"),
                                        "--", "touch", in_folder("started")});
  EXPECT_EQ(unwritable.status, 2);
  EXPECT_THAT(unwritable.err, HasSubstr("nowhere/t.pmtrace: cannot be created"));
  EXPECT_FALSE(std::filesystem::exists(in_folder("started")));
}

TEST_F(RecordCommand, KeepsAnEarlierFileWhenThereIsNothingToRecord) {
  write_file("t.pmtrace", "twenty-four bytes of his");
  EXPECT_EQ(record({"true"}).status, 2);
  EXPECT_EQ(std::filesystem::file_size(trace()), 24u);
}

TEST_F(RecordCommand, NamesTheTraceAfterTheScriptOrElseTheCommand) {
  PYMEMLAB_NEEDS_PYTHON();
  write_file("app.py", "print(1)");
  const CommandOptions here = {.folder = in_folder("")};
  EXPECT_EQ(run({pymemlab(), "record", "--", python(), "app.py"}, here).out, "1\n");
  EXPECT_TRUE(std::filesystem::exists(in_folder("app.pmtrace")));
  EXPECT_EQ(run({pymemlab(), "record", "--", python(), "-c", "print(2)"}, here).out, "2\n");
  EXPECT_TRUE(std::filesystem::exists(
      in_folder(std::filesystem::path(python()).filename().string() + ".pmtrace")));
}

TEST_F(RecordCommand, WorksFromAFolderWhoseNameLdPreloadCannotHold) {
  PYMEMLAB_NEEDS_PYTHON();
  const std::string folder = in_folder("a folder: one");
  std::filesystem::create_directory(folder);
  const std::filesystem::path built = std::filesystem::path(pymemlab()).parent_path();
  for (const char* file : {"pymemlab", "libpymemlab-agent.so"}) {
    std::filesystem::copy_file(built / file, std::filesystem::path(folder) / file);
  }
  const CommandResult result = run({folder + "/pymemlab", "record", "-o", trace(), "--", python(),
                                    "-c", "import os; print('LD_PRELOAD' in os.environ)"});
  EXPECT_EQ(result.out, "False\n") << result.err;
  EXPECT_GT(facts().requests[index(Domain::obj)], 1000u);
}

TEST_F(RecordCommand, SaysWhereTheAgentShouldBe) {
  std::filesystem::copy_file(pymemlab(), in_folder("pymemlab"));
  const CommandResult result = run({in_folder("pymemlab"), "record", "-o", trace(), "--", "true"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("libpymemlab-agent.so is neither in "));
}

TEST_F(RecordCommand, LeavesAnInterruptToTheProgramAndFinishesTheTrace) {
  PYMEMLAB_NEEDS_PYTHON();
  Command recording(
      recording_of({python(), "-uc",
                    "import time\ntry:\n  print('ready'); time.sleep(60)\n"
                    "except KeyboardInterrupt:\n  print('interrupted'); raise SystemExit(5)\n"}));
  ASSERT_TRUE(recording.has_printed("ready\n"));
  ::kill(-recording.id(), SIGINT);
  const CommandResult result = recording.result();
  EXPECT_EQ(result.status, 5);
  EXPECT_EQ(result.out, "ready\ninterrupted\n");
  EXPECT_EQ(facts().damage, std::nullopt);
}

TEST_F(RecordCommand, PassesARequestToTerminateOnToTheProgram) {
  PYMEMLAB_NEEDS_PYTHON();
  Command recording(
      recording_of({python(), "-uc", "import time\nprint('ready'); time.sleep(60)\n"}));
  ASSERT_TRUE(recording.has_printed("ready\n"));
  ::kill(recording.id(), SIGTERM);
  EXPECT_EQ(recording.result().status, 128 + SIGTERM);
  EXPECT_EQ(facts().damage, std::nullopt);
}

TEST_F(RecordCommand, EndsTheRecordingAndNotTheProgramWhenTheCollectorStandsStill) {
  PYMEMLAB_NEEDS_PYTHON();
  const std::string script =
      "import time\nprint('ready')\nfor _ in range(400): [str(i) for i in "
      "range(10000)]\nprint('done')\n";
  Command recording(recording_of({python(), "-uc", script}));
  ASSERT_TRUE(recording.has_printed("ready\n"));
  ::kill(recording.id(), SIGSTOP);
  EXPECT_TRUE(recording.has_printed("done\n"));
  ::kill(recording.id(), SIGCONT);
  const CommandResult result = recording.result();
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, ContainsRegex("recording stopped at event [0-9]+"));
  const TraceFacts facts = this->facts();
  EXPECT_EQ(facts.damage, std::nullopt);
  EXPECT_EQ(facts.unknown, 0u);
  EXPECT_EQ(facts.overlaps, 0u);
  ASSERT_EQ(facts.marks.size(), 1u);
  EXPECT_THAT(facts.marks[0], StartsWith("recording stopped at event "));
}

TEST_F(RecordCommand, LetsTheProgramFinishWhenTheDiskIsFull) {
  PYMEMLAB_NEEDS_PYTHON();
  const CommandResult result =
      run({pymemlab(), "record", "-o", "/dev/full", "--", python(), "-c", "print('all of it')"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "all of it\n");
  EXPECT_THAT(result.err, HasSubstr("/dev/full: cannot be written: No space left on device"));
}

}  // namespace
}  // namespace pymemlab
