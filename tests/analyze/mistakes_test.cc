// Each trace in traces/mistakes, held against every CPython on this machine: the same calls, made
// in the interpreter under each PYTHONMALLOC, must end as `check` says.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/analyze/check.h"
#include "core/pymem/profile.h"
#include "core/trace/formats/text_format.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"
#include "tests/command.h"
#include "tests/interpreters.h"

namespace pymemlab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The mistakes as trace files, by name.
std::map<std::string, std::string> mistakes() {
  std::map<std::string, std::string> traces;
  const fs::path folder = environment("PYMEMLAB_SOURCE") + "/traces/mistakes";
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".txt") continue;
    const std::string name = entry.path().stem().string();
    traces[name] = testing::TempDir() + "mistake_" + name + ".pmtrace";
    import_text(entry.path().string(), traces[name], {.addresses = true});
  }
  return traces;
}

// The trace's calls, for perform_calls.py. An unknown address is one inside the newest block below
// it, where the trace has its address.
json calls_of(const std::string& trace) {
  TraceReader reader = TraceReader::open(trace, {.addresses = true});
  json calls = json::array();
  std::map<std::uint64_t, Slot> slots;
  EventBatch batch;
  Operation call;
  while (reader.next(batch)) {
    for (OperationCursor cursor(batch); cursor.next(call);) {
      if (!is_request(call.kind)) continue;
      const bool gives = takes_new_slot(call.kind) && !call.failed;
      if (gives && call.address != 0) slots[call.address] = call.slot;
      std::int64_t slot = call.slot == kNoSlot ? -1 : static_cast<std::int64_t>(call.slot);
      std::uint64_t offset = 0;
      if (call.kind == EventKind::free_unknown) {
        offset = call.address;
        if (const auto above = slots.upper_bound(call.address); above != slots.begin()) {
          slot = std::prev(above)->second;
          offset -= std::prev(above)->first;
        }
      } else if (takes_new_slot(call.kind) && call.failed) {
        slot = 63;  // nobody's
      }
      calls.push_back(
          {static_cast<int>(call.kind), index(call.domain), slot, offset, call.count, call.size});
    }
  }
  return calls;
}

// What the first misuse with consequences does; nothing if all calls should be lived through.
std::optional<Outcome> consequence(const CheckReport& report, const std::string& configuration) {
  for (const Finding& finding : report.findings) {
    for (const Outcome& outcome : finding.outcomes) {
      if (outcome.configuration == configuration && outcome.kind != OutcomeKind::runs_on &&
          outcome.kind != OutcomeKind::corrupts)
        return outcome;
    }
  }
  return std::nullopt;
}

// Without what differs from run to run: the word behind each of these.
std::string masked(std::string text) {
  for (const std::string marker : {"address p=", "pad bytes at tail=", "made by call "}) {
    for (std::size_t at = text.find(marker); at != std::string::npos; at = text.find(marker, at)) {
      at += marker.size();
      text.erase(at, text.find_first_of(" :\n", at) - at);
    }
  }
  return text;
}

// The fatal error as far as it can be known where the letter of the block's domain cannot.
std::string up_to_letter(const std::string& fatal_error) {
  const std::size_t letter = fatal_error.find("using API '");
  return fatal_error.substr(0, letter);
}

void expect_ending(const json& ending, const std::optional<Outcome>& outcome) {
  const int signal = ending["signal"];
  const std::string errors = ending["stderr"];
  if (!outcome) {
    EXPECT_EQ(signal, 0) << errors;
    EXPECT_EQ(ending["status"], 0) << errors;
    return;
  }
  if (outcome->kind == OutcomeKind::undefined) return;
  EXPECT_THAT(signal, testing::AnyOf(SIGABRT, SIGSEGV, SIGBUS)) << errors;
  const bool is_fatal_error = errors.find("Fatal Python error") != std::string::npos;
  if (outcome->kind == OutcomeKind::crashes) {
    EXPECT_FALSE(is_fatal_error) << errors;
  } else if (!outcome->dump.empty()) {
    EXPECT_EQ(signal, SIGABRT);
    EXPECT_THAT(masked(errors), testing::StartsWith(masked(outcome->dump + outcome->fatal_error)));
  } else if (is_fatal_error) {
    // The letter may be any byte, NUL included.
    EXPECT_THAT(errors, testing::HasSubstr(up_to_letter(outcome->fatal_error)));
  } else {
    // It died while it looked at the header or printed the dump.
    EXPECT_THAT(signal, testing::AnyOf(SIGSEGV, SIGBUS)) << errors;
  }
}

class Mistakes : public testing::TestWithParam<Interpreter> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Mistakes);

TEST_P(Mistakes, EndInThisInterpreterAsCheckSays) {
  const Interpreter& python = GetParam();
  const std::string profile(profile_of_version(python.version).name);
  std::map<std::string, CheckReport> reports;
  json calls = json::object();
  for (const auto& [name, trace] : mistakes()) {
    reports.emplace(name, check_trace(trace, {.profile = profile}));
    calls[name] = calls_of(trace);
  }
  ASSERT_GT(reports.size(), 20u);
  for (const std::string configuration : {"malloc", "pymalloc", "malloc_debug", "pymalloc_debug"}) {
    const CommandResult result =
        run({python.path, "-S", environment("PYMEMLAB_SOURCE") + "/tests/analyze/perform_calls.py",
             environment("PYMEMLAB_PERFORM_CALLS")},
            {.environment = {{"PYTHONMALLOC", configuration}}, .input = calls.dump()});
    ASSERT_EQ(result.status, 0) << result.err;
    const json endings = json::parse(result.out);
    for (const auto& [name, report] : reports) {
      SCOPED_TRACE(name + " under PYTHONMALLOC=" + configuration);
      expect_ending(endings[name], consequence(report, configuration));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryPython, Mistakes, testing::ValuesIn(interpreters()),
                         [](const auto& info) { return info.param.test_name(); });

}  // namespace
}  // namespace pymemlab
