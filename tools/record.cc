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
#include "tools/recording_options.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

struct RecordOptions {
  std::vector<std::string> command;
  RecordingOptions recording;
  std::uint32_t checkpoint_every = 0;
  bool all_processes = false;
  std::optional<double> start_after_seconds;
};

bool names_folder(const std::string& output) {
  std::error_code unknown;
  return !output.empty() &&
         (output.back() == '/' || std::filesystem::is_directory(output, unknown));
}

std::string exit_text(const RecordedProcess& process) {
  if (process.replaced) return "replaced by another program";
  if (!process.exit) return "ended";
  if (process.exit->signal != 0) return fmt::format("killed by signal {}", process.exit->signal);
  return fmt::format("exited with {}", process.exit->code);
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
  const std::string& wanted = options.recording.output;
  const bool all_processes = options.all_processes || names_folder(wanted);
  const std::string output =
      !wanted.empty() ? wanted
                      : name_of(options.command) + (all_processes ? ".pmtraces" : ".pmtrace");
  if (output == "-") {
    throw InputError(
        "record: standard output belongs to the program that is recorded; name a file with -o");
  }
  if (all_processes && options.recording.max_bytes != 0) {
    throw InputError(
        "record: --max-size keeps the newest part of one process's trace, and a forked child's "
        "begins with all of its parent's; leave --max-size or --all-processes away");
  }
  RecordRequest request = options.recording.request(options.command, output);
  request.all_processes = all_processes;
  request.schedule.start_after = duration(options.start_after_seconds);
  request.checkpoints = options.checkpoint_every != 0;
  request.checkpoint_every = options.checkpoint_every;
  const RecordResult result = record(request);
  if (result.hooked) {
    if (options.recording.site_depth != 0)
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
  app.add_option("-o,--output", options->recording.output,
                 "The trace to write; default: the script's name with .pmtrace. A folder, which is "
                 "there or ends in /: as with --all-processes")
      ->type_name("FILE");
  app.add_flag("--all-processes", options->all_processes,
               "Record every process of the tree, not only the first Python, each into a trace of "
               "its own in the folder that -o names");
  auto* paused = options->recording.declare(app);
  app.add_option("--start-after", options->start_after_seconds,
                 "Record nothing in the first seconds of the command")
      ->type_name("SECONDS")
      ->check(number_of_seconds())
      ->excludes(paused);
  app.add_option(
         "--checkpoints", options->checkpoint_every,
         "Keep the interpreter's own statistics, at every Nth arena request and at its end, "
         "for `pymemlab verify`")
      ->type_name("N")
      ->check(number_from(1));
  app.add_option("command", options->command, "The command and its arguments, after --")
      ->type_name("COMMAND");
  app.footer("The exit status is the command's own; 2 if it succeeded but no Python ran in it.");
  return [options] { return run_record(*options); };
}

}  // namespace pymemlab
