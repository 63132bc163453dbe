// pymemlab attach PID: writes the trace of a Python that runs already.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "core/base/input_error.h"
#include "core/record/recorder.h"
#include "tools/number_within.h"
#include "tools/recording_options.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

struct AttachOptions {
  int pid = 0;
  unsigned wait_seconds = 60;
  RecordingOptions recording;
};

// A debugger may enter where the agent's way to its ring is barred, so that is asked first.
void check_process(int pid) {
  struct stat status = {};
  if (::stat(fmt::format("/proc/{}", pid).c_str(), &status) != 0)
    throw InputError("attach: there is no process {}", pid);
  if (status.st_uid != ::geteuid()) {
    throw InputError(
        "attach: process {} is user {}'s; run this as that user, whose processes alone can reach "
        "it",
        pid, status.st_uid);
  }
}

std::vector<std::string> command_of(int pid) {
  std::ifstream words(fmt::format("/proc/{}/cmdline", pid));
  std::vector<std::string> command;
  for (std::string word; std::getline(words, word, '\0');) command.push_back(word);
  if (command.empty()) throw InputError("attach: process {} has no command: it has ended", pid);
  return command;
}

int run_attach(const AttachOptions& options) {
  check_process(options.pid);
  const std::vector<std::string> command = command_of(options.pid);
  const std::string& wanted = options.recording.output;
  const std::string output = wanted.empty() ? name_of(command) + ".pmtrace" : wanted;
  const RecordResult result = attach(options.recording.request(command, output), options.pid,
                                     std::chrono::seconds(options.wait_seconds));
  if (!result.hooked)
    throw InputError(
        "attach: nothing was recorded: process {} asked for no memory, or had none for its ring",
        options.pid);
  const RecordedProcess& process = result.processes.front();
  if (options.recording.site_depth != 0) report_missing_sites(process);
  report_process(process);
  return kDone;
}

}  // namespace

std::function<int()> declare_attach(CLI::App& app) {
  const auto options = std::make_shared<AttachOptions>();
  app.add_option("PID", options->pid, "The process, which must be this user's")->required();
  app.add_option("-o,--output", options->recording.output,
                 "The trace to write; default: the script's name with .pmtrace")
      ->type_name("FILE");
  app.add_option("--wait", options->wait_seconds,
                 "How long the process may take to come to where it can be entered: to run Python, "
                 "which one that waits for something does not")
      ->type_name("SECONDS")
      ->check(number_within(1u, 86'400u, "1 to 86400"))
      ->capture_default_str();
  options->recording.declare(app);
  app.footer(
      "Needs gdb, and a kernel that lets it in. Records until the process ends, the time --for has "
      "passed, or this is interrupted; the process runs on.");
  return [options] { return run_attach(*options); };
}

}  // namespace pymemlab
