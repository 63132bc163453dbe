// pymemlab record -- COMMAND: runs a command and writes the trace of the Python in it.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/input_error.h"
#include "core/base/units.h"
#include "core/record/recorder.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

struct RecordOptions {
  std::vector<std::string> command;
  std::string output;
  std::uint32_t checkpoint_every = 0;
};

// Named for the script if the command shows one, else for the command: python3 app.py →
// app.pmtrace.
std::string default_output(const std::vector<std::string>& command) {
  const auto script = std::find_if(command.begin(), command.end(), [](const std::string& word) {
    return std::filesystem::path(word).extension() == ".py";
  });
  const std::filesystem::path named = script == command.end() ? command[0] : *script;
  return (named.extension() == ".py" ? named.stem() : named.filename()).string() + ".pmtrace";
}

std::string size_text(std::uint64_t bytes) {
  if (bytes >= kMiB) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / kMiB);
  return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / kKiB);
}

void report(const RecordResult& result, const std::string& output) {
  if (result.loss) fmt::print(stderr, "pymemlab: {}\n", *result.loss);
  if (result.events == 0) return;
  const double per_event =
      result.events == 0 ? 0.0
                         : static_cast<double>(result.bytes) / static_cast<double>(result.events);
  fmt::print(stderr,
             "pymemlab: recorded {} events of Python {} in {} ({:.2f} bytes an event): {}\n",
             result.events, result.python, size_text(result.bytes), per_event, output);
}

int run_record(const RecordOptions& options) {
  if (options.command.empty()) {
    throw InputError(
        "record: wanted a command to run, as in 'pymemlab record -o app.pmtrace -- python3 "
        "app.py'");
  }
  const std::string output =
      options.output.empty() ? default_output(options.command) : options.output;
  if (output == "-") {
    throw InputError(
        "record: standard output belongs to the program that is recorded; name a file with -o");
  }
  const RecordResult result = record({.command = options.command,
                                      .output = output,
                                      .checkpoints = options.checkpoint_every != 0,
                                      .checkpoint_every = options.checkpoint_every});
  if (result.hooked) {
    report(result, output);
    return result.program.code;
  }
  if (result.program.code != kDone) return result.program.code;
  throw InputError(
      "record: no CPython was found in '{}', so there is no trace; name a command that runs Python "
      "3.6 or later, "
      "dynamically linked, and that passes LD_PRELOAD on",
      fmt::join(options.command, " "));
}

}  // namespace

std::function<int()> declare_record(CLI::App& app) {
  auto options = std::make_shared<RecordOptions>();
  app.add_option("-o,--output", options->output,
                 "The trace to write; default: the script's name with .pmtrace")
      ->type_name("FILE");
  app.add_option(
         "--checkpoints", options->checkpoint_every,
         "Keep the interpreter's own statistics, at every Nth arena request and at its end, "
         "for `pymemlab verify`")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("command", options->command, "The command and its arguments, after --")
      ->type_name("COMMAND");
  app.footer("The exit status is the command's own; 2 if it succeeded but no Python ran in it.");
  return [options] { return run_record(*options); };
}

}  // namespace pymemlab
