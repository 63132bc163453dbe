// The whole matrix, for `tools/test --full`: every program to record, at full size, on every
// CPython of the machine. memory_tides fills and empties a gibibyte four times.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/command.h"
#include "tests/interpreters.h"

namespace pymemlab {
namespace {

struct Program {
  const char* name;
  const char* size;
};

class EveryProgram : public testing::TestWithParam<Program> {};

TEST_P(EveryProgram, IsPlacedAsByEveryCPython) {
  if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  const std::string source = std::getenv("PYMEMLAB_SOURCE");
  const CommandResult result =
      run({std::getenv("PYMEMLAB"), "verify", "--all-pythons", "--checkpoints", "20", "--",
           source + "/workloads/python/" + GetParam().name, GetParam().size});
  std::cout << result.out;
  EXPECT_EQ(result.status, 0) << result.err;
}

INSTANTIATE_TEST_SUITE_P(
    Verify, EveryProgram,
    testing::Values(Program{"import_heavy.py", "3"}, Program{"expression_compiler.py", "4"},
                    Program{"json_documents.py", "5"}, Program{"text_statistics.py", "5"},
                    Program{"request_server.py", "10"}, Program{"thread_pipeline.py", "5"},
                    Program{"million_blocks.py", "2"}, Program{"memory_tides.py", "16"}),
    [](const auto& info) {
      const std::string name = info.param.name;
      return name.substr(0, name.find('.'));
    });

}  // namespace
}  // namespace pymemlab
