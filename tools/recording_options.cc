#include "tools/recording_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "core/base/units.h"
#include "core/record/agent/table.h"
#include "tools/number_within.h"

namespace pymemlab {
namespace {

std::string size_text(std::uint64_t bytes) {
  if (bytes >= kMiB) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / kMiB);
  return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / kKiB);
}

}  // namespace

CLI::Option* RecordingOptions::declare(CLI::App& app) {
  auto* paused = app.add_flag("--start-paused", start_paused,
                              "Record nothing until this process is sent SIGUSR1; SIGUSR2 stops, "
                              "SIGUSR1 goes on");
  app.add_option("--for", for_seconds, "Stop so long after recording started")
      ->type_name("SECONDS")
      ->check(number_of_seconds());
  app.add_option("--max-size", max_bytes,
                 "Keep the newest events that fit into a trace of this size, such as 100MiB")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(true))
      ->check(number_within<std::uint64_t>(kMiB, 1ull << 50, "1MiB to 1PiB"));
  app.add_flag("--sites{1}", site_depth,
               "Keep with each block the line of Python that asked for it, and the lines that "
               "called that: N lines in all (with =; 1 if it is not said)")
      ->type_name("[=N]")
      ->check(
          number_within(1u, ring::kMostSiteDepth, fmt::format("1 to {}", ring::kMostSiteDepth)));
  return paused;
}

RecordRequest RecordingOptions::request(const std::vector<std::string>& command,
                                        const std::string& trace) const {
  return {.command = command,
          .output = trace,
          .schedule = {.start_paused = start_paused, .stop_after = duration(for_seconds)},
          .max_bytes = max_bytes,
          .site_depth = site_depth};
}

std::string name_of(const std::vector<std::string>& command) {
  const auto script = std::find_if(command.begin(), command.end(), [](const std::string& word) {
    return std::filesystem::path(word).extension() == ".py";
  });
  const std::filesystem::path named = script == command.end() ? command[0] : *script;
  return (named.extension() == ".py" ? named.stem() : named.filename()).string();
}

CLI::Validator number_of_seconds() { return number_within(0.0, 1e9, "0 to 10^9"); }

std::optional<std::chrono::nanoseconds> duration(const std::optional<double>& seconds) {
  if (!seconds) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(*seconds * 1e9));
}

std::string figures(const RecordedProcess& process) {
  const std::string sites =
      process.sites == 0 ? "" : fmt::format(" from {} Python sites", process.sites);
  return fmt::format("{} events{} of Python {} in {} ({:.2f} bytes an event)", process.events,
                     sites, process.python, size_text(process.bytes),
                     static_cast<double>(process.bytes) / static_cast<double>(process.events));
}

void report_missing_sites(const RecordedProcess& process) {
  if (process.events == 0 || process.sites != 0) return;
  fmt::print(stderr,
             "pymemlab: note: {}: holds no sites: the frames of this Python {} are not known, only "
             "those of release builds of 3.6 to 3.13\n",
             process.trace, process.python);
}

void report_process(const RecordedProcess& process) {
  if (process.loss) {
    fmt::print(stderr, "pymemlab: {}\n", *process.loss);
  } else if (process.events == 0) {
    fmt::print(stderr, "pymemlab: nothing was recorded: recording was never started\n");
  }
  if (process.events == 0) return;
  fmt::print(stderr, "pymemlab: recorded {}: {}\n", figures(process), process.trace);
}

}  // namespace pymemlab
