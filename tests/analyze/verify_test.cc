// The proof: programs are recorded from every CPython on the machine and replayed in the model,
// which must place every block where that CPython did, ask for and give back the same arenas, and
// print the same statistics. And the proof of the proof: what is changed is found.
#include "core/analyze/verify.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <iostream>

#include "core/analyze/statistics_lines.h"
#include "core/base/input_error.h"
#include "core/trace/checkpoint.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"
#include "tests/command.h"
#include "tests/interpreters.h"

namespace pymemlab {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string program(const std::string& name) {
  return std::string(std::getenv("PYMEMLAB_SOURCE")) + "/workloads/python/" + name;
}

struct Recording {
  std::vector<std::string> script;
  std::string pythonmalloc = {};  // "": unset
  std::string every = "1";        // checkpoints
};

std::string record(const Interpreter& python, const Recording& wanted) {
  const std::string trace = testing::TempDir() + "/verify-" + python.test_name() + ".pmtrace";
  std::vector<std::string> command = {std::getenv("PYMEMLAB"),
                                      "record",
                                      "--checkpoints",
                                      wanted.every,
                                      "-o",
                                      trace,
                                      "--",
                                      python.path};
  command.insert(command.end(), wanted.script.begin(), wanted.script.end());
  CommandOptions options;
  if (wanted.pythonmalloc.empty()) {
    options.environment = {{"PYTHONMALLOC", kUnset}};
  } else {
    options.environment = {{"PYTHONMALLOC", wanted.pythonmalloc}};
  }
  const CommandResult result = run(command, options);
  EXPECT_EQ(result.status, 0) << result.err;
  return trace;
}

// Shows what was compared, and what was not equal.
void expect_equal(const VerifyReport& report) {
  std::cout << "CPython " << report.python << " " << report.configuration << ": "
            << report.placements.equal << " of " << report.placements.compared << " placements, "
            << report.arenas.equal << " of " << report.arenas.compared << " arena calls, "
            << report.lines.equal << " of " << report.lines.compared << " lines\n";
  EXPECT_TRUE(report.proves_equal());
  if (const auto& d = report.first_difference) {
    ADD_FAILURE() << "event " << d->event << ", " << d->what << ": expected " << d->expected
                  << ", found " << d->found;
  }
}

class EveryInterpreter : public testing::TestWithParam<Interpreter> {
 protected:
  static VerifyReport verify(const Recording& wanted) {
    const std::string trace = record(GetParam(), wanted);
    VerifyReport report = verify_trace(trace);
    std::remove(trace.c_str());
    return report;
  }
  static void verify_program(const std::string& name) {
    const VerifyReport report = verify({.script = {program(name)}, .every = "50"});
    expect_equal(report);
    EXPECT_GE(report.placements.compared, 100'000u);
  }
  static void verify_threads(const std::string& pythonmalloc) {
    const VerifyReport report =
        verify({.script = {program("thread_pipeline.py"), "1"}, .pythonmalloc = pythonmalloc});
    expect_equal(report);
    EXPECT_GE((report.places_blocks ? report.placements : report.outcomes).compared, 50'000u);
    EXPECT_GE(report.checkpoints.compared, 1u);
    // What 3.7 allocates before it can be hooked again, and what is mimalloc's own.
    const bool is_mimalloc = pythonmalloc.rfind("mimalloc", 0) == 0;
    EXPECT_LE(report.not_compared.size(), GetParam().minor == 7 || is_mimalloc ? 1u : 0u);
  }
};

TEST_P(EveryInterpreter, IsTheModelInMillionsOfBlocks) {
  const VerifyReport report = verify({.script = {program("million_blocks.py")}, .every = "25"});
  expect_equal(report);
  EXPECT_GE(report.placements.compared, 1'000'000u);
  EXPECT_GE(report.checkpoints.compared, 3u);
  EXPECT_GE(report.lines.compared, 100u);
  EXPECT_THAT(report.not_compared, testing::IsEmpty());
}

TEST_P(EveryInterpreter, IsTheModelInAProgramThatImports) { verify_program("import_heavy.py"); }
TEST_P(EveryInterpreter, IsTheModelInAProgramThatParses) {
  verify_program("expression_compiler.py");
}
TEST_P(EveryInterpreter, IsTheModelInAProgramThatSerialises) {
  verify_program("json_documents.py");
}
TEST_P(EveryInterpreter, IsTheModelInAProgramThatCounts) { verify_program("text_statistics.py"); }
TEST_P(EveryInterpreter, IsTheModelInAProgramThatServes) { verify_program("request_server.py"); }
TEST_P(EveryInterpreter, IsTheModelInAProgramThatGrowsAndShrinks) {
  verify_program("memory_tides.py");
}

TEST_P(EveryInterpreter, IsTheModelWithThreadsUnderPymalloc) { verify_threads("pymalloc"); }
TEST_P(EveryInterpreter, IsTheModelWithThreadsUnderPymallocDebug) {
  verify_threads("pymalloc_debug");
}
TEST_P(EveryInterpreter, IsTheModelWithThreadsUnderMalloc) { verify_threads("malloc"); }
TEST_P(EveryInterpreter, IsTheModelWithThreadsUnderMallocDebug) { verify_threads("malloc_debug"); }
TEST_P(EveryInterpreter, IsTheModelWithThreadsUnderDebug) { verify_threads("debug"); }

constexpr const char* kExhaustion = R"py(
import resource
resource.setrlimit(resource.RLIMIT_AS, (220 << 20, 220 << 20))
kept = []
try:
    while True:
        kept.append(bytes(400))
except MemoryError:
    kept.clear()
)py";

// Arenas are refused, requests fall through to raw, and requests fail.
TEST_P(EveryInterpreter, IsTheModelWhenMemoryRunsOut) {
  const VerifyReport report = verify({.script = {"-c", kExhaustion}, .every = "20"});
  expect_equal(report);
  EXPECT_GE(report.placements.compared, 200'000u);
}

constexpr const char* kSubinterpreters = R"py(
import sys, threading
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
def work():
    one = interpreters.create()
    interpreters.run_string(one, "d = [{str(i): [i] * 5} for i in range(20000)]")
    interpreters.destroy(one)
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
)py";

class EveryWithSeveralAllocators : public EveryInterpreter {};

TEST_P(EveryWithSeveralAllocators, IsTheModelInSubinterpreters) {
  const VerifyReport report = verify({.script = {"-c", kSubinterpreters}});
  expect_equal(report);
  EXPECT_GE(report.placements.compared, 200'000u);
  EXPECT_THAT(report.not_compared, testing::IsEmpty());
}

class EveryWithMimalloc : public EveryInterpreter {};

TEST_P(EveryWithMimalloc, IsTheModelWithThreads) { verify_threads("mimalloc"); }
TEST_P(EveryWithMimalloc, IsTheModelWithThreadsUnderDebugHooks) {
  verify_threads("mimalloc_debug");
}

// A proof that cannot fail proves nothing: the model of another version must differ.
TEST_P(EveryInterpreter, IsNotTheModelOfAnotherGeometry) {
  const std::string trace =
      record(GetParam(), {.script = {program("text_statistics.py"), "1"}, .every = "10"});
  const VerifyReport report = verify_trace(trace, GetParam().minor < 10 ? "3.11" : "3.8");
  EXPECT_FALSE(report.proves_equal());
  EXPECT_LT(report.placements.equal, report.placements.compared);
  EXPECT_LT(report.lines.equal, report.lines.compared);
  std::remove(trace.c_str());
}

INSTANTIATE_TEST_SUITE_P(Verify, EveryInterpreter, testing::ValuesIn(interpreters_in_turn()),
                         [](const auto& info) { return info.param.test_name(); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryInterpreter);

INSTANTIATE_TEST_SUITE_P(Verify, EveryWithSeveralAllocators,
                         testing::ValuesIn(interpreters_in_turn(has_several_allocators)),
                         [](const auto& info) { return info.param.test_name(); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryWithSeveralAllocators);

bool has_mimalloc(const Interpreter& python) { return python.minor >= 13; }
INSTANTIATE_TEST_SUITE_P(Verify, EveryWithMimalloc,
                         testing::ValuesIn(interpreters_in_turn(has_mimalloc)),
                         [](const auto& info) { return info.param.test_name(); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryWithMimalloc);

// One recording, changed in one place each time.
class ChangedTrace : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (interpreters().empty()) return;
    original_ = testing::TempDir() + "/verify-original.pmtrace";
    const std::string trace =
        record(interpreters().back(), {.script = {program("text_statistics.py"), "1"}});
    std::rename(trace.c_str(), original_.c_str());
  }
  void SetUp() override {
    if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  }
  static void TearDownTestSuite() { std::remove(original_.c_str()); }

  // Answers whether the operation stays; may change it, or the text of its mark.
  using Change = std::function<bool(Operation&, std::string& mark)>;
  static VerifyReport verify(const Change& change) {
    const std::string path = testing::TempDir() + "/verify-changed.pmtrace";
    TraceReader reader = TraceReader::open(original_, {.addresses = true});
    TraceWriter writer = TraceWriter::create(path, reader.metadata(), {.addresses = true});
    EventBatch batch;
    while (reader.next(batch)) {
      Operation operation;
      for (OperationCursor cursor(batch); cursor.next(operation);) {
        const bool is_mark = operation.kind == EventKind::mark;
        std::string mark = is_mark ? reader.marks()[operation.slot] : std::string();
        if (!change(operation, mark)) continue;
        is_mark ? writer.mark(mark) : static_cast<void>(writer.append(operation));
      }
    }
    writer.finish();
    VerifyReport report = verify_trace(path);
    std::remove(path.c_str());
    return report;
  }

  static std::string original_;
};
std::string ChangedTrace::original_;

TEST_F(ChangedTrace, IsEqualIfNothingIsChanged) {
  EXPECT_TRUE(verify([](Operation&, std::string&) { return true; }).proves_equal());
}

TEST_F(ChangedTrace, DiffersInOneBlocksPlace) {
  std::uint64_t number = 0;
  const VerifyReport report = verify([&](Operation& operation, std::string&) {
    const bool is_small = operation.kind == EventKind::malloc && !operation.nested &&
                          operation.domain == Domain::obj && operation.size == 56;
    if (is_small && ++number == 3000) operation.address += 64;
    return true;
  });
  EXPECT_FALSE(report.proves_equal());
  EXPECT_EQ(report.placements.equal, report.placements.compared - 1);
  ASSERT_TRUE(report.first_difference.has_value());
  EXPECT_EQ(report.first_difference->what, "malloc obj 56");
  EXPECT_THAT(report.first_difference->expected, StartsWith("A"));
  EXPECT_NE(report.first_difference->expected, report.first_difference->found);
}

TEST_F(ChangedTrace, DiffersInOneFigureOfTheStatistics) {
  const VerifyReport report = verify([&](Operation&, std::string& mark) {
    const std::string label = "# bytes lost to pool headers";
    const auto checkpoint = Checkpoint::parse(mark);
    if (!checkpoint || checkpoint->moment != Checkpoint::Moment::end) return true;
    mark[mark.find('\n', mark.find(label)) - 1] ^= 1;
    return true;
  });
  EXPECT_FALSE(report.proves_equal());
  EXPECT_TRUE(report.placements.all_equal());
  EXPECT_EQ(report.lines.equal, report.lines.compared - 1);
  ASSERT_TRUE(report.first_difference.has_value());
  EXPECT_THAT(report.first_difference->what, StartsWith("statistics, line "));
  EXPECT_THAT(report.first_difference->expected, HasSubstr("pool headers"));
}

TEST_F(ChangedTrace, DiffersInAnArenaThatWasNotGivenBack) {
  bool dropped = false;
  const VerifyReport report = verify([&](Operation& operation, std::string&) {
    if (operation.kind != EventKind::arena_free || dropped) return true;
    dropped = true;
    return false;
  });
  ASSERT_TRUE(dropped);
  EXPECT_FALSE(report.proves_equal());
  EXPECT_LT(report.arenas.equal, report.arenas.compared);
}

TEST_F(ChangedTrace, NamesWhatItDidNotCompare) {
  const VerifyReport report = verify([](Operation&, std::string& mark) {
    if (Checkpoint::parse(mark)) mark = "no checkpoint";
    return true;
  });
  EXPECT_TRUE(report.proves_equal());
  EXPECT_EQ(report.checkpoints.compared, 0u);
  EXPECT_THAT(report.not_compared, testing::ElementsAre(StartsWith("statistics at the end: ")));
}

TEST(VerifyProof, IsRefusedWhereThereIsNothingToHoldTheModelAgainst) {
  const std::string path = testing::TempDir() + "/synthetic.pmtrace";
  {
    TraceWriter writer = TraceWriter::create(path, {.source = "test"});
    (void)writer.malloc(Domain::obj, 10);
    writer.finish();
  }
  EXPECT_THROW((void)verify_trace(path), InputError);
}

TEST(VerifyProof, ThatComparedNothingIsNone) {
  EXPECT_FALSE(VerifyReport{}.proves_equal());
  VerifyReport malloc_report;
  malloc_report.places_blocks = false;
  EXPECT_FALSE(malloc_report.proves_equal());
  malloc_report.outcomes.count(true);
  EXPECT_TRUE(malloc_report.proves_equal());
}

TEST(StatisticsLines, CountEveryLineOfEitherText) {
  StatisticsLines lines;
  Tally tally;
  EXPECT_FALSE(lines.compare("a\nb\n", "a\nb\n", tally).has_value());
  EXPECT_EQ(tally.compared, 2u);
  const auto difference = lines.compare("a\nb\n", "a\nc\nd\n", tally);
  EXPECT_EQ(tally.compared, 5u);
  EXPECT_EQ(tally.equal, 3u);
  ASSERT_TRUE(difference.has_value());
  EXPECT_EQ(difference->line, 2u);
  EXPECT_EQ(difference->expected, "b");
  EXPECT_EQ(difference->found, "c");
}

// CPython counts from before it can be recorded: the growth is compared.
TEST(StatisticsLines, RebaseTheCountOfCallsToDebugMalloc) {
  StatisticsLines lines;
  Tally tally;
  const std::string label = "# times object malloc called       = ";
  EXPECT_FALSE(lines.compare(label + "  1,100\n", label + "100\n", tally).has_value());
  EXPECT_EQ(tally.compared, 0u);
  EXPECT_FALSE(lines.compare(label + "  1,150\n", label + "150\n", tally).has_value());
  EXPECT_EQ(tally.equal, 1u);
  EXPECT_TRUE(lines.compare(label + "  1,160\n", label + "159\n", tally).has_value());
}

TEST(StatisticsLines, LeaveOutWhatMimallocCounts) {
  StatisticsLines lines;
  Tally tally;
  EXPECT_FALSE(lines
                   .compare("Medium block threshold = 131072\n    Bytes Reserved: 4008536\n",
                            "Medium block threshold = 131072\n    Bytes Reserved: 1\n", tally)
                   .has_value());
  EXPECT_EQ(tally.compared, 1u);
}

TEST(Checkpoint, IsAMarkAndComesBack) {
  const Checkpoint with_blocks{.moment = Checkpoint::Moment::end,
                               .allocated_blocks = 12345,
                               .statistics = "Small block threshold = 512\n\n"};
  EXPECT_EQ(Checkpoint::parse(with_blocks.mark_text()), with_blocks);
  const Checkpoint empty{.moment = Checkpoint::Moment::arena_request};
  EXPECT_EQ(Checkpoint::parse(empty.mark_text()), empty);
  EXPECT_EQ(Checkpoint::parse("teardown"), std::nullopt);
  EXPECT_EQ(Checkpoint::parse("checkpoint end\nallocated blocks twelve\n"), std::nullopt);
}

CommandResult verify_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {std::getenv("PYMEMLAB"), "verify"});
  return run(arguments);
}

TEST(VerifyCommand, RecordsACommandAndProvesTheModelEqual) {
  for (const Interpreter& python : interpreters()) {
    const CommandResult result =
        verify_command({"--", python.path, "-c", "print('the program speaks')"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("CPython " + python.version + " pymalloc: equal: "));
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
    EXPECT_THAT(result.err, HasSubstr("the program speaks\n"));
    break;
  }
}

TEST(VerifyCommand, RunsAScriptUnderEveryInterpreterNamed) {
  std::vector<std::string> arguments;
  for (const Interpreter& python : interpreters())
    arguments.insert(arguments.end(), {"--python", python.path});
  if (arguments.empty()) GTEST_SKIP() << "no CPython on this machine";
  arguments.insert(arguments.end(), {"--", "-c", "pass"});
  const CommandResult result = verify_command(arguments);
  EXPECT_EQ(result.status, 0) << result.err;
  const std::size_t count = interpreters().size();
  EXPECT_THAT(result.out, HasSubstr(fmt::format("{} of {} interpreters equal\n", count, count)));
}

TEST(VerifyCommand, AnswersOneWhenSomethingDiffers) {
  for (const Interpreter& python : interpreters()) {
    const CommandResult result =
        verify_command({"--profile", python.minor < 10 ? "3.11" : "3.8", "--", python.path, "-c",
                        "x = [str(i) for i in range(100000)]"});
    EXPECT_EQ(result.status, 1) << result.err;
    EXPECT_THAT(result.out, HasSubstr("DIFFERENT"));
    EXPECT_THAT(result.out, HasSubstr("first difference: event "));
    break;
  }
}

TEST(VerifyCommand, RefusesInOneSentenceWhatItCannotDo) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"--"},
                                             {"--", "true"},
                                             {"--", "/no/such/command"},
                                             {"--python", "true", "x.py"},
                                             {"no-such.pmtrace"},
                                             {"--checkpoints", "0", "--", "python3", "-c", "1"}}) {
    const CommandResult result = verify_command(arguments);
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.err, StartsWith("pymemlab: "));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

}  // namespace
}  // namespace pymemlab
