// pymemlab SUBCOMMAND: parses, dispatches, and alone decides the exit status.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <functional>
#include <new>
#include <string>
#include <string_view>

#include "core/base/input_error.h"
#include "core/measure/worker.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

constexpr std::array kSubcommands = {
    Subcommand{"advise", "Say which allocator setting suits a program, and where its memory goes",
               declare_advise, true},
    Subcommand{"attach", "Record a process that runs already, with gdb's help", declare_attach},
    Subcommand{"check", "Find misused memory: wrong domains, double frees, leaks", declare_check},
    Subcommand{"compare", "Show the cells of results documents side by side", declare_compare},
    Subcommand{"convert", "Convert between trace formats", declare_convert},
    Subcommand{"info", "Say what is in a trace", declare_info},
    Subcommand{"record", "Run a command and write the trace of the Python in it", declare_record,
               true},
    Subcommand{"replay", "Measure traces in every configuration", declare_replay},
    Subcommand{"report", "Show results as one HTML page", declare_report},
    Subcommand{"synth", "Write the trace of a synthetic workload", declare_synth},
    Subcommand{"verify", "Hold the model's placements against a recorded CPython's", declare_verify,
               true},
};

// CLI11 takes a misspelt subcommand for a missing one, so it is looked for first.
void check_subcommand(int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::string names;
  for (const Subcommand& row : kSubcommands) {
    if (std::string_view(row.name) == argv[1]) return;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", row.name);
  }
  throw InputError("there is no subcommand \"{}\"; there are {}", argv[1], names);
}

// What would be taken for something else: a name or value that is empty, as a variable that is not
// set leaves it, and, as a trace or a command, the value of a flag that may do without one.
void check_words(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  const CLI::App* sub = app.get_subcommand(argv[1]);
  for (int i = 2; i < argc && argv[i] != std::string_view("--"); ++i) {
    const std::string_view word = argv[i];
    if (word.empty() || (word.starts_with("--") && word.ends_with('=')))
      throw InputError("{} {}: a name or a value is empty here", argv[i - 1],
                       word.empty() ? "''" : word);
    const CLI::Option* option = sub->get_option_no_throw(std::string(word));
    const std::string_view next = i + 1 < argc ? argv[i + 1] : "";
    const bool is_number = !next.empty() && next.find_first_not_of("0123456789") == next.npos;
    if (option != nullptr && !option->get_fnames().empty() && is_number)
      throw InputError("{0} {1}: the number goes into the same word: {0}={1}", word, next);
  }
}

// Whether what was too much may be a part of a command.
bool may_be_command(const CLI::ParseError& error, std::string_view subcommand) {
  const auto* row = std::find_if(kSubcommands.begin(), kSubcommands.end(),
                                 [&](const Subcommand& r) { return r.name == subcommand; });
  return error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError) &&
         row != kSubcommands.end() && row->runs_commands;
}

int run(int argc, char** argv) {
  check_subcommand(argc, argv);
  CLI::App app{"pymemlab: a laboratory for CPython's memory allocators"};
  app.name("pymemlab");
  app.set_version_flag("--version", "pymemlab " PYMEMLAB_VERSION);
  app.require_subcommand(1);
  std::function<int()> chosen;
  for (const Subcommand& row : kSubcommands) {
    CLI::App* sub = app.add_subcommand(row.name, row.summary);
    sub->callback([&chosen, action = row.declare(*sub)] { chosen = action; });
  }
  check_words(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const bool within = argc > 1 && argv[1][0] != '-';
    throw InputError("{}; {}`pymemlab {}--help` says more", error.what(),
                     within && may_be_command(error, argv[1]) ? "a command goes after --; " : "",
                     within ? argv[1] + std::string(" ") : "");
  }
  return chosen();
}

}  // namespace
}  // namespace pymemlab

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == pymemlab::kWorkerArgument)
    return pymemlab::run_worker();
  try {
    return pymemlab::run(argc, argv);
  } catch (const pymemlab::InputError& error) {
    fmt::print(stderr, "pymemlab: {}\n", error.what());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "pymemlab: out of memory\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "pymemlab: {}\n", error.what());
  }
  return pymemlab::kCouldNotRun;
}
