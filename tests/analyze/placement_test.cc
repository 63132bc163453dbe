// The proof: a program that allocates millions of blocks is recorded from every CPython on the
// machine and replayed in the model, which must place every pool block where that CPython did.
#include "core/analyze/placement.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "core/base/input_error.h"
#include "core/trace/trace_writer.h"
#include "tests/command.h"
#include "tests/interpreters.h"

namespace pymemlab {
namespace {

std::string source_file(const std::string& name) {
  return std::string(std::getenv("PYMEMLAB_SOURCE")) + "/" + name;
}

// The trace of `script` under `python` with PYTHONMALLOC=`pythonmalloc` ("": unset).
std::string record(const Interpreter& python, const std::string& pythonmalloc,
                   std::vector<std::string> script) {
  const std::string trace =
      testing::TempDir() + "/placement-" + python.test_name() + pythonmalloc + ".pmtrace";
  std::vector<std::string> command = {std::getenv("PYMEMLAB"), "record", "-o", trace, "--"};
  if (!pythonmalloc.empty()) command.insert(command.end(), {"env", "PYTHONMALLOC=" + pythonmalloc});
  command.push_back(python.path);
  command.insert(command.end(), script.begin(), script.end());
  const CommandResult result = run(command);
  EXPECT_EQ(result.status, 0) << result.err;
  return trace;
}

class Placement : public testing::TestWithParam<Interpreter> {
 protected:
  // Prints and checks what was compared; returns how many placements were.
  static std::uint64_t prove(const std::string& trace) {
    const PlacementReport report = compare_placements(trace);
    std::cout << "CPython " << report.python << " " << report.configuration << ": " << report.equal
              << " of " << report.compared << " placements equal, " << report.arenas_equal << " of "
              << report.arenas_compared << " arena requests and releases\n";
    EXPECT_TRUE(report.proves_equal());
    if (const auto& d = report.first_difference) {
      ADD_FAILURE() << "event " << d->event << ", " << d->request << ": expected " << d->expected
                    << ", found " << d->found;
    }
    return report.compared;
  }
};

TEST_P(Placement, OfMillionsOfBlocksIsCPythons) {
  const std::string trace =
      record(GetParam(), "", {source_file("workloads/python/million_blocks.py")});
  EXPECT_GE(prove(trace), 1'000'000u);
  std::remove(trace.c_str());
}

TEST_P(Placement, UnderDebugHooksAndThreadsIsCPythons) {
  for (const char* pythonmalloc : {"pymalloc", "pymalloc_debug"}) {
    const std::string trace =
        record(GetParam(), pythonmalloc, {source_file("workloads/python/thread_pipeline.py"), "1"});
    EXPECT_GE(prove(trace), 50'000u);
    std::remove(trace.c_str());
  }
}

// A proof that cannot fail proves nothing: the model of another version must differ.
TEST_P(Placement, InAWrongGeometryIsNotEqual) {
  const std::string trace =
      record(GetParam(), "", {source_file("workloads/python/text_statistics.py"), "1"});
  const PlacementReport report = compare_placements(trace, GetParam().minor < 10 ? "3.11" : "3.8");
  EXPECT_FALSE(report.proves_equal());
  std::remove(trace.c_str());
}

INSTANTIATE_TEST_SUITE_P(Interpreters, Placement, testing::ValuesIn(interpreters()),
                         [](const auto& info) { return info.param.test_name(); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Placement);

TEST(PlacementProof, IsRefusedWhereThereIsNothingToProve) {
  const std::string path = testing::TempDir() + "/synthetic.pmtrace";
  {
    TraceWriter writer = TraceWriter::create(path, {.source = "test"});
    (void)writer.malloc(Domain::obj, 10);
    writer.finish();
  }
  EXPECT_THROW((void)compare_placements(path), InputError);
}

TEST(PlacementProof, DoesNotApplyToATraceThatPlacesNothing) {
  for (const Interpreter& python : interpreters()) {
    const std::string trace = record(python, "malloc", {"-c", "pass"});
    EXPECT_THROW((void)compare_placements(trace), InputError) << python;
    std::remove(trace.c_str());
    break;
  }
}

}  // namespace
}  // namespace pymemlab
