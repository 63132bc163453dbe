// pymemlab attach PID: says what can be done about a process that runs already.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>

#include "core/base/input_error.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

struct AttachOptions {
  std::uint32_t pid = 0;
};

struct Mappings {
  bool readable = false;
  bool agent = false;   // ours
  bool python = false;  // an executable or a library of that name
};

Mappings mappings_of(std::uint32_t pid) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  Mappings found;
  for (std::string line; std::getline(maps, line);) {
    found.readable = true;
    const std::string name = line.substr(std::min(line.size(), line.rfind('/') + 1));
    found.agent = found.agent || name.find("pymemlab-agent") != std::string::npos;
    found.python =
        found.python || name.rfind("python3", 0) == 0 || name.rfind("libpython3", 0) == 0;
  }
  return found;
}

int run_attach(const AttachOptions& options) {
  if (!std::ifstream(fmt::format("/proc/{}/stat", options.pid)))
    throw InputError("attach: there is no process {}", options.pid);
  const Mappings found = mappings_of(options.pid);
  if (!found.readable) {
    throw InputError("attach: process {} is another user's, or ends; run this as its user",
                     options.pid);
  }
  if (found.agent) {
    throw InputError(
        "attach: process {} has the agent already; send SIGUSR1 to its `pymemlab record` to start "
        "recording, SIGUSR2 to stop",
        options.pid);
  }
  if (!found.python) throw InputError("attach: process {} runs no CPython 3", options.pid);
  throw InputError(
      "attach: the agent cannot be loaded into process {} while it runs: CPython up to 3.13 takes "
      "no code from outside, and neither 3.14's remote execution nor a debugger is used; start the "
      "program with `pymemlab record --start-paused -- COMMAND` and send that pymemlab SIGUSR1 "
      "when recording is to start",
      options.pid);
}

}  // namespace

std::function<int()> declare_attach(CLI::App& app) {
  const auto options = std::make_shared<AttachOptions>();
  app.add_option("PID", options->pid, "the process")->required();
  app.footer(
      "No platform yet lets pymemlab do it; this says what to do instead. The exit status is 2.");
  return [options] { return run_attach(*options); };
}

}  // namespace pymemlab
