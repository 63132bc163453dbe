// pymemlab record -- COMMAND: runs a command and writes the trace of the Python in it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/input_error.h"
#include "core/base/units.h"
#include "core/record/agent/table.h"
#include "core/record/process_tree.h"
#include "core/record/recorder.h"
#include "tools/number_within.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

struct RecordOptions {
  std::vector<std::string> command;
  std::string output;
  std::uint32_t checkpoint_every = 0;
  std::uint32_t site_depth = 0;
  bool all_processes = false;
  bool start_paused = false;
  std::optional<double> start_after_seconds;
  std::optional<double> for_seconds;
  std::uint64_t max_bytes = 0;
};

// Named for the script if the command shows one, else for the command: python3 app.py →
// app.pmtrace.
std::string default_output(const std::vector<std::string>& command, bool all_processes) {
  const auto script = std::find_if(command.begin(), command.end(), [](const std::string& word) {
    return std::filesystem::path(word).extension() == ".py";
  });
  const std::filesystem::path named = script == command.end() ? command[0] : *script;
  const std::filesystem::path name = named.extension() == ".py" ? named.stem() : named.filename();
  return name.string() + (all_processes ? ".pmtraces" : ".pmtrace");
}

bool names_folder(const std::string& output) {
  std::error_code unknown;
  return !output.empty() &&
         (output.back() == '/' || std::filesystem::is_directory(output, unknown));
}

std::optional<std::chrono::nanoseconds> duration(const std::optional<double>& seconds) {
  if (!seconds) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(*seconds * 1e9));
}

std::string size_text(std::uint64_t bytes) {
  if (bytes >= kMiB) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / kMiB);
  return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / kKiB);
}

std::string exit_text(const RecordedProcess& process) {
  if (process.replaced) return "replaced by another program";
  if (!process.exit) return "ended";
  if (process.exit->signal != 0) return fmt::format("killed by signal {}", process.exit->signal);
  return fmt::format("exited with {}", process.exit->code);
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

void report_tree(const RecordResult& result, const std::string& folder) {
  for (const RecordedProcess& process : result.processes) {
    if (process.loss) fmt::print(stderr, "pymemlab: process {}: {}\n", process.pid, *process.loss);
    if (process.events == 0) continue;
    fmt::print(stderr, "pymemlab: process {} of {} ({}), {}: {}: {}\n", process.pid, process.parent,
               short_name(process.command), exit_text(process), figures(process), process.trace);
  }
  if (result.not_recorded != 0) {
    fmt::print(stderr, "pymemlab: {} processes ran unrecorded: too many started at once\n",
               result.not_recorded);
  }
  if (result.tree_loss) {
    fmt::print(stderr, "pymemlab: {}\n", *result.tree_loss);
    return;
  }
  fmt::print(stderr, "pymemlab: recorded {} processes: {}\n", result.processes.size(),
             (std::filesystem::path(folder) / kTreeFile).string());
}

int run_record(const RecordOptions& options) {
  if (options.command.empty()) {
    throw InputError(
        "record: wanted a command to run, as in 'pymemlab record -o app.pmtrace -- python3 "
        "app.py'");
  }
  const bool all_processes = options.all_processes || names_folder(options.output);
  const std::string output =
      options.output.empty() ? default_output(options.command, all_processes) : options.output;
  if (output == "-") {
    throw InputError(
        "record: standard output belongs to the program that is recorded; name a file with -o");
  }
  if (all_processes && options.max_bytes != 0) {
    throw InputError(
        "record: --max-size keeps the newest part of one process's trace, and a forked child's "
        "begins with all of its parent's; leave --max-size or --all-processes away");
  }
  const RecordResult result =
      record({.command = options.command,
              .output = output,
              .all_processes = all_processes,
              .schedule = {.start_paused = options.start_paused,
                           .start_after = duration(options.start_after_seconds),
                           .stop_after = duration(options.for_seconds)},
              .max_bytes = options.max_bytes,
              .checkpoints = options.checkpoint_every != 0,
              .checkpoint_every = options.checkpoint_every,
              .site_depth = options.site_depth});
  if (result.hooked) {
    if (options.site_depth != 0)
      for (const RecordedProcess& process : result.processes) report_missing_sites(process);
    if (all_processes) {
      report_tree(result, output);
    } else {
      report_process(result.processes.front());
    }
    return result.program.code;
  }
  if (result.program.code != kDone) return result.program.code;
  throw InputError(
      "record: no CPython was found in '{}', so there is no trace; name a command that runs Python "
      "3.6 or later, dynamically linked, as the same user, and that passes LD_PRELOAD on",
      fmt::join(options.command, " "));
}

}  // namespace

std::function<int()> declare_record(CLI::App& app) {
  auto options = std::make_shared<RecordOptions>();
  app.add_option("-o,--output", options->output,
                 "The trace to write; default: the script's name with .pmtrace. A folder, which is "
                 "there or ends in /: as with --all-processes")
      ->type_name("FILE");
  app.add_flag("--all-processes", options->all_processes,
               "Record every process of the tree, not only the first Python, each into a trace of "
               "its own in the folder that -o names");
  constexpr double kMostSeconds = 1e9;
  auto* paused = app.add_flag("--start-paused", options->start_paused,
                              "Record nothing until this process is sent SIGUSR1; SIGUSR2 stops, "
                              "SIGUSR1 goes on");
  app.add_option("--start-after", options->start_after_seconds,
                 "Record nothing in the first seconds of the command")
      ->type_name("SECONDS")
      ->check(number_within(0.0, kMostSeconds, "0 to 10^9"))
      ->excludes(paused);
  app.add_option("--for", options->for_seconds, "Stop so long after recording started")
      ->type_name("SECONDS")
      ->check(number_within(0.0, kMostSeconds, "0 to 10^9"));
  app.add_option("--max-size", options->max_bytes,
                 "Keep the newest events that fit into a trace of this size, such as 100MiB")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(true))
      ->check(number_within<std::uint64_t>(kMiB, 1ull << 50, "1MiB to 1PiB"));
  app.add_option(
         "--checkpoints", options->checkpoint_every,
         "Keep the interpreter's own statistics, at every Nth arena request and at its end, "
         "for `pymemlab verify`")
      ->type_name("N")
      ->check(number_from(1));
  app.add_flag("--sites{1}", options->site_depth,
               "Keep with each block the line of Python that asked for it, and the lines that "
               "called that: N lines in all (with =; 1 if it is not said)")
      ->type_name("[=N]")
      ->check(
          number_within(1u, ring::kMostSiteDepth, fmt::format("1 to {}", ring::kMostSiteDepth)));
  app.add_option("command", options->command, "The command and its arguments, after --")
      ->type_name("COMMAND");
  app.footer("The exit status is the command's own; 2 if it succeeded but no Python ran in it.");
  return [options] { return run_record(*options); };
}

}  // namespace pymemlab
