#include "tests/command.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace pymemlab {
namespace {

// Files rather than pipes: nobody has to drain them, and nobody else holds them open.
int memory_file(const std::string& content = {}) {
  const int descriptor = memfd_create("command", MFD_CLOEXEC);
  if (descriptor < 0 || ::write(descriptor, content.data(), content.size()) < 0) {
    throw std::runtime_error("no memory file for a command");
  }
  ::lseek(descriptor, 0, SEEK_SET);
  return descriptor;
}

std::string content_of(int descriptor) {
  std::string content;
  char buffer[65536];
  for (off_t at = 0;;) {
    const ssize_t bytes = ::pread(descriptor, buffer, sizeof buffer, at);
    if (bytes <= 0) return content;
    content.append(buffer, static_cast<std::size_t>(bytes));
    at += bytes;
  }
}

[[noreturn]] void become(const std::vector<std::string>& words, const CommandOptions& options,
                         int in, int out, int err) {
  ::setpgid(0, 0);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) _exit(126);
  for (const auto& [name, value] : options.environment) {
    value == kUnset ? ::unsetenv(name.c_str()) : ::setenv(name.c_str(), value.c_str(), 1);
  }
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

Command::Command(const std::vector<std::string>& words, const CommandOptions& options)
    : out_(memory_file()), err_(memory_file()) {
  const int in = memory_file(options.input);
  id_ = ::fork();
  if (id_ == 0) become(words, options, in, out_, err_);
  ::close(in);
  if (id_ < 0) throw std::runtime_error("fork failed");
  ::setpgid(id_, id_);
}

Command::~Command() {
  if (id_ > 0) {
    ::kill(-id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }
  ::close(out_);
  ::close(err_);
}

std::string Command::out() const { return content_of(out_); }

bool Command::has_printed(const std::string& text) const {
  const auto is_there = [&] { return out().find(text) != std::string::npos; };
  return comes_true([&] { return is_there() || has_ended(); }) && is_there();
}

bool Command::has_ended() const {
  siginfo_t info = {};
  ::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT);
  return info.si_pid == id_;
}

CommandResult Command::result() {
  int status = 0;
  ::waitpid(id_, &status, 0);
  id_ = -1;
  CommandResult result;
  result.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  result.out = content_of(out_);
  result.err = content_of(err_);
  return result;
}

bool comes_true(const std::function<bool()>& condition) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

CommandResult run(const std::vector<std::string>& words, const CommandOptions& options) {
  return Command(words, options).result();
}

}  // namespace pymemlab
