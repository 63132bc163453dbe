// What `record` and `attach` are told and tell alike: of one process, into one trace.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/record/recorder.h"

namespace pymemlab {

struct RecordingOptions {
  std::string output;
  std::uint32_t site_depth = 0;
  bool start_paused = false;
  std::optional<double> for_seconds;
  std::uint64_t max_bytes = 0;

  // Declares all but the output. Returns --start-paused.
  CLI::Option* declare(CLI::App& app);
  // What they ask for, of `command` into `trace`.
  [[nodiscard]] RecordRequest request(const std::vector<std::string>& command,
                                      const std::string& trace) const;
};

// The script's name if the command shows one, else the command's, less folder and .py: "python3
// app.py" is app. REQUIRES: it has a word.
[[nodiscard]] std::string name_of(const std::vector<std::string>& command);
[[nodiscard]] CLI::Validator number_of_seconds();
[[nodiscard]] std::optional<std::chrono::nanoseconds> duration(
    const std::optional<double>& seconds);

// "1234 events of Python 3.11.2 in 1.2 KiB (0.99 bytes an event)". REQUIRES: it has events.
[[nodiscard]] std::string figures(const RecordedProcess& process);
// To standard error: of the one process that was recorded; whether sites are missing in it.
void report_process(const RecordedProcess& process);
void report_missing_sites(const RecordedProcess& process);

}  // namespace pymemlab
