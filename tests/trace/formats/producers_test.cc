// Recordings that the real tools make here and now, of a program whose calls are known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/trace/format.h"
#include "tests/command.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using ::testing::Contains;
using testing::read_all;
using testing::ReadBack;
using testing::scratch;

const char* calls_program() { return std::getenv("PYMEMLAB_CALLS"); }

// The kinds and sizes of the program's own calls; a block by the size it had first, in a free.
std::vector<std::string> calls_of(const ReadBack& trace) {
  std::vector<std::string> calls;
  std::vector<std::uint64_t> sizes(trace.slots);
  for (const Operation& operation : trace.operations) {
    if (takes_new_slot(operation.kind) && !operation.failed) sizes[operation.slot] = operation.size;
    const bool free = operation.kind == EventKind::free;
    if (free && operation.slot == kNoSlot) continue;
    const std::uint64_t size = free ? sizes[operation.slot] : operation.size;
    calls.push_back(std::string(name(operation.kind)) + (operation.failed ? " failed " : " ") +
                    std::to_string(size));
  }
  // What the program's start and the tools ask for is of other sizes.
  std::erase_if(calls, [](const std::string& call) {
    return call.find("00") == std::string::npos && call.find("7063") == std::string::npos &&
           call.find("18446744073709547520") == std::string::npos;
  });
  return calls;
}

ReadBack import(const std::string& file) {
  const TraceFormat* format = trace_format_in(file);
  EXPECT_NE(format, nullptr) << file;
  if (format == nullptr) return {};
  const ConversionReport report =
      format->import_file(file, scratch("real.pmtrace"), {.addresses = true});
  EXPECT_EQ(report.damage, std::nullopt);
  return read_all(scratch("real.pmtrace"), {.addresses = true});
}

TEST(Producers, OfMtraceRecordsWhatTheProgramCalls) {
  const std::string log = scratch("real.mtrace");
  const CommandResult traced =
      run({calls_program()},
          {.environment = {{"MALLOC_TRACE", log}, {"LD_PRELOAD", "libc_malloc_debug.so.0"}}});
  ASSERT_EQ(traced.status, 0) << traced.err;
  if (!std::filesystem::exists(log)) GTEST_SKIP() << "the C library here has no mtrace";
  const ReadBack trace = import(log);
  EXPECT_THAT(calls_of(trace),
              ::testing::ElementsAre(
                  "malloc 100003", "malloc 7063", "realloc 200003", "malloc 5003", "free 7063",
                  "malloc 3001", "malloc failed 18446744073709547520",
                  "realloc failed 18446744073709547520", "free 5003", "free 3001", "free 100003"));
  EXPECT_THAT(trace.metadata.columns, Contains("address"));
}

class Heaptrack : public ::testing::TestWithParam<bool> {};

TEST_P(Heaptrack, RecordsWhatTheProgramCalls) {
  if (run({"sh", "-c", "command -v heaptrack"}).status != 0) GTEST_SKIP() << "no heaptrack here";
  const bool raw = GetParam();
  const std::string output = scratch(raw ? "real-raw" : "real");
  std::vector<std::string> command = {"heaptrack", "-o", output};
  if (raw) command.emplace_back("--raw");
  command.emplace_back(calls_program());
  const CommandResult traced = run(command);
  ASSERT_EQ(traced.status, 0) << traced.err;
  const std::string suffix = raw ? ".raw" : "";
  const bool is_zstd = std::filesystem::exists(output + suffix + ".zst");
  const ReadBack trace = import(output + suffix + (is_zstd ? ".zst" : ".gz"));
  EXPECT_THAT(calls_of(trace),
              ::testing::IsSupersetOf({"malloc 100003", "malloc 7063", "free 100003",
                                       "malloc 200003", "malloc 5003", "free 7063", "malloc 3001",
                                       "free 5003", "free 3001", "free 200003"}));
  EXPECT_THAT(trace.metadata.command, Contains(calls_program()));
}

INSTANTIATE_TEST_SUITE_P(Producers, Heaptrack, ::testing::Values(true, false),
                         [](const auto& info) { return info.param ? "Raw" : "Interpreted"; });

}  // namespace
}  // namespace pymemlab
