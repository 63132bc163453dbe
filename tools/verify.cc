// pymemlab verify: holds the model against real CPythons, recorded before or now.
#include "core/analyze/verify.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "core/base/counts.h"
#include "core/base/input_error.h"
#include "core/record/interpreters.h"
#include "core/record/recorder.h"
#include "tools/number_within.h"
#include "tools/subcommand.h"
#include "tools/temporary_folder.h"

namespace pymemlab {
namespace {

struct VerifyOptions {
  std::vector<std::string> words;  // traces, a command, or a script and its arguments
  std::vector<std::string> pythons;
  bool all_pythons = false;
  std::uint32_t checkpoint_every = 0;
  std::string profile;
  std::string keep;
};

std::string tally(const Tally& tally, std::string_view what) {
  return fmt::format("{} of {} {}", tally.equal, tally.compared, what);
}

std::string compared_text(const VerifyReport& report) {
  std::string text = report.places_blocks ? tally(report.placements, "placements") + ", " +
                                                tally(report.arenas, "arena requests and releases")
                                          : "placement: not applicable, " +
                                                tally(report.outcomes, "requests answered alike");
  if (report.checkpoints.compared > 0) {
    text += fmt::format(", {} at {}", tally(report.lines, "lines of statistics"),
                        counted(report.checkpoints.compared, "checkpoint"));
  }
  if (report.allocated_blocks.compared > 0) {
    text += ", " + tally(report.allocated_blocks, "counts of allocated blocks");
  }
  return text;
}

// True if the trace proves the model equal.
bool verify_one(const std::string& trace, const std::string& title, const std::string& profile) {
  const VerifyReport report = verify_trace(trace, profile);
  if (report.damage) fmt::print(stderr, "pymemlab: warning: {}\n", *report.damage);
  fmt::print("{}: CPython {} {}: {}: {}\n", title, report.python, report.configuration,
             report.proves_equal() ? "equal" : "DIFFERENT", compared_text(report));
  for (const std::string& what : report.not_compared) fmt::print("  not compared: {}\n", what);
  if (const auto& difference = report.first_difference) {
    fmt::print("  first difference: event {}, {}: CPython: {}; the model: {}\n", difference->event,
               difference->what, difference->expected, difference->found);
  } else if (!report.proves_equal()) {
    fmt::print("  nothing was compared, which proves nothing\n");
  }
  std::fflush(stdout);
  return report.proves_equal();
}

int verify_traces(const VerifyOptions& options) {
  bool all_equal = true;
  for (const std::string& path : options.words)
    all_equal &= verify_one(path, path, options.profile);
  return all_equal ? kDone : kAnswerIsNo;
}

bool record_and_verify(const std::vector<std::string>& command, const std::string& trace,
                       const std::string& title, const VerifyOptions& options) {
  const RecordResult result = record({.command = command,
                                      .output = trace,
                                      .checkpoints = true,
                                      .checkpoint_every = options.checkpoint_every,
                                      .output_to_stderr = true});
  if (!result.hooked) {
    throw InputError(
        "verify: no CPython was found in '{}', so there is nothing to hold the model against",
        fmt::join(command, " "));
  }
  if (result.loss) fmt::print(stderr, "pymemlab: warning: {}\n", *result.loss);
  if (result.program.code != 0) {
    fmt::print(stderr, "pymemlab: warning: {}: ended with status {}\n", title, result.program.code);
  }
  return verify_one(trace, title, options.profile);
}

std::vector<PythonInterpreter> chosen_interpreters(const VerifyOptions& options) {
  std::vector<PythonInterpreter> chosen;
  for (const std::string& name : options.pythons) {
    auto interpreter = ask_interpreter(name);
    if (!interpreter) {
      throw InputError(
          "verify: --python {}: is no CPython that runs; wanted a path or a name on "
          "the PATH such as python3.12",
          name);
    }
    chosen.push_back(*std::move(interpreter));
  }
  if (!options.all_pythons) return chosen;
  FoundInterpreters found = find_interpreters();
  for (const std::string& name : found.broken)
    fmt::print(stderr, "pymemlab: warning: {} does not run and is skipped\n", name);
  if (found.all.empty()) throw InputError("verify: --all-pythons: there is no CPython here");
  chosen.insert(chosen.end(), found.all.begin(), found.all.end());
  return chosen;
}

int verify_interpreters(const VerifyOptions& options) {
  const std::vector<PythonInterpreter> interpreters = chosen_interpreters(options);
  const TemporaryFolder folder(options.keep);
  std::size_t equal = 0;
  for (std::size_t i = 0; i < interpreters.size(); ++i) {
    const PythonInterpreter& python = interpreters[i];
    std::vector<std::string> command = {python.path};
    command.insert(command.end(), options.words.begin(), options.words.end());
    const std::string trace =
        folder.file(fmt::format("{}-python{}.pmtrace", i + 1, python.version));
    if (record_and_verify(command, trace, python.path, options)) ++equal;
    if (options.keep.empty()) std::filesystem::remove(trace);
  }
  fmt::print("{} of {} interpreters equal\n", equal, interpreters.size());
  return equal == interpreters.size() ? kDone : kAnswerIsNo;
}

int verify_command(const VerifyOptions& options) {
  const TemporaryFolder folder(options.keep);
  const bool equal = record_and_verify(options.words, folder.file("verify.pmtrace"),
                                       fmt::format("{}", fmt::join(options.words, " ")), options);
  return equal ? kDone : kAnswerIsNo;
}

int run_verify(const VerifyOptions& options, bool is_command) {
  if (options.words.empty()) {
    throw InputError(
        "verify: wanted traces, or a command as in 'pymemlab verify -- python3 "
        "app.py', or a script as in 'pymemlab verify --all-pythons -- app.py'");
  }
  if (options.all_pythons || !options.pythons.empty()) return verify_interpreters(options);
  return is_command ? verify_command(options) : verify_traces(options);
}

}  // namespace

std::function<int()> declare_verify(CLI::App& app) {
  auto options = std::make_shared<VerifyOptions>();
  app.add_option("TRACE", options->words,
                 "Recorded traces; after --: a command to record now; with --python or "
                 "--all-pythons: a script and its arguments")
      ->type_name("");
  app.add_option("--python", options->pythons, "Run the script under this CPython (repeatable)")
      ->type_name("PATH")
      ->allow_extra_args(false);
  app.add_flag("--all-pythons", options->all_pythons,
               "Run the script under every CPython of this machine");
  app.add_option("--checkpoints", options->checkpoint_every,
                 "Also compare the interpreter's statistics at every Nth arena request, not only "
                 "at its end")
      ->type_name("N")
      ->check(number_from(1));
  app.add_option("--profile", options->profile,
                 "Hold them against this version instead of the recorded one")
      ->type_name("VERSION");
  app.add_option("--keep", options->keep, "Keep the traces that are recorded, in this folder")
      ->type_name("FOLDER");
  app.footer(
      "Compares where every block lies, every arena request and release, and the interpreter's "
      "own\n"
      "statistics line by line. The exit status is 0 if all is equal, 1 if anything differs.\n\n"
      "  pymemlab verify -- python3 app.py\n"
      "  pymemlab verify --all-pythons --checkpoints 10 -- app.py --its arguments\n"
      "  pymemlab verify app.pmtrace");
  return [&app, options] {
    const std::vector<std::string> rest = app.remaining();
    return run_verify(*options, std::find(rest.begin(), rest.end(), "--") != rest.end());
  };
}

}  // namespace pymemlab
