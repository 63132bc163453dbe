// The vocabulary of the recorder's tests: record a program, read the trace back, check that it
// hangs together.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/trace/trace_reader.h"
#include "tests/command.h"

namespace pymemlab {

// What a trace says, added up.
struct TraceFacts {
  TraceMetadata metadata;
  std::optional<std::string> damage;
  std::uint64_t events = 0;
  std::map<EventKind, std::uint64_t> kinds;
  std::array<std::uint64_t, kDomains> requests = {};  // made by the program, by domain
  std::uint64_t unknown = 0;   // frees and reallocs of blocks the trace has not seen
  std::uint64_t overlaps = 0;  // blocks at an address that already has a live one of its layer
  std::uint64_t failed = 0;
  std::set<std::uint64_t> sizes;  // of the program's requests
  std::map<Slot, std::uint64_t> by_thread;
  std::map<Slot, std::uint64_t> by_interpreter;
  std::set<std::uint64_t> arena_sizes;
  std::vector<std::string> marks;
};
[[nodiscard]] TraceFacts read_facts(const std::string& path);

// TraceFacts::sizes has a bytearray's of so many bytes, which asks for one more on some versions.
inline auto about(std::uint64_t bytes) {
  return ::testing::Contains(::testing::AllOf(::testing::Ge(bytes), ::testing::Le(bytes + 1)));
}

// Waits until `pymemlab record` asks for events in all its rings: what the recorded programs
// request from here on is in the trace.
[[nodiscard]] bool wants_events(const Command& record);

// A folder of its own for each test, and `pymemlab record` in it.
class RecordTest : public testing::Test {
 protected:
  RecordTest();
  ~RecordTest() override;

  [[nodiscard]] static std::string pymemlab();
  [[nodiscard]] std::string in_folder(const std::string& name) const {
    return folder_ + "/" + name;
  }
  [[nodiscard]] std::string trace() const { return in_folder("t.pmtrace"); }
  // The words of a recording of `command` into trace().
  [[nodiscard]] std::vector<std::string> recording_of(
      const std::vector<std::string>& command) const;
  [[nodiscard]] CommandResult record(const std::vector<std::string>& command,
                                     const CommandOptions& options = {}) const;
  [[nodiscard]] TraceFacts facts() const { return read_facts(trace()); }
  // Of a trace that is being written; none before its first chunk is.
  [[nodiscard]] TraceFacts facts_so_far() const;
  void write_file(const std::string& name, const std::string& content,
                  bool executable = false) const;

 private:
  std::string folder_;
};

}  // namespace pymemlab
