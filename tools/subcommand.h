// The table of subcommands. Each file tools/NAME.cc has its options struct, one function that
// declares them and one that runs them, and is one row of kSubcommands in main.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace pymemlab {

// What a process says with its exit status.
enum ExitCode : int {
  kDone = 0,
  kAnswerIsNo = 1,   // a regression, an invalid trace, a difference
  kCouldNotRun = 2,  // bad input, a missing file, a full disk
};

struct Subcommand {
  const char* name;
  const char* summary;
  // Declares the options on `app` and returns what runs once they are parsed; its result is the
  // exit status.
  std::function<int()> (*declare)(CLI::App& app);
  bool runs_commands = false;  // behind --
};

std::function<int()> declare_advise(CLI::App& app);
std::function<int()> declare_attach(CLI::App& app);
std::function<int()> declare_check(CLI::App& app);
std::function<int()> declare_convert(CLI::App& app);
std::function<int()> declare_info(CLI::App& app);
std::function<int()> declare_record(CLI::App& app);
std::function<int()> declare_synth(CLI::App& app);
std::function<int()> declare_replay(CLI::App& app);
std::function<int()> declare_compare(CLI::App& app);
std::function<int()> declare_report(CLI::App& app);
std::function<int()> declare_verify(CLI::App& app);

}  // namespace pymemlab
