#include "core/os/debugger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/input_error.h"
#include "core/os/process.h"
#include "core/os/program.h"

namespace pymemlab {
namespace {

// What gdb says for us begins with it, so that it cannot be taken for anything else gdb says.
constexpr std::string_view kPrefix = "pymemlab-attach: ";
constexpr std::string_view kAttached = "attached";

// As a C string literal, which gdb reads.
std::string quoted(const std::string& text) {
  std::string literal = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') literal.push_back('\\');
    literal.push_back(c);
  }
  return literal + "\"";
}

// The line of ours, less the prefix.
std::string_view line_after(std::string_view said, std::string_view prefix) {
  const std::size_t at = said.rfind(prefix);
  if (at == std::string_view::npos) return {};
  said.remove_prefix(at + prefix.size());
  return said.substr(0, said.find('\n'));
}

// Where it stopped, or the last that it said.
std::string complaint_of(std::string_view said) {
  const std::string_view error = line_after(said, "Error in sourced command file:\n");
  if (!error.empty()) return std::string(error);
  while (!said.empty() && said.back() == '\n') said.remove_suffix(1);
  return std::string(said.substr(said.rfind('\n') + 1));
}

// Ends gdb's `continue`, and with it the wait (script_of names it, too). An interrupt of gdb itself
// is lost while it starts, and goes to the process as one when it comes a moment too late; this
// signal is ignored there unless the program handles it.
constexpr int kEndOfWait = SIGURG;
// Between two looks at the clock, and at what this program is told.
constexpr std::chrono::milliseconds kTurn{500};

// Where a process began and nobody comes again: a call that we make there returns to it.
std::uint64_t entry_point(int process) {
  std::ifstream vector(fmt::format("/proc/{}/auxv", process), std::ios::binary);
  std::array<std::uint64_t, 2> entry = {};
  while (vector.read(reinterpret_cast<char*>(entry.data()), sizeof entry))
    if (entry[0] == AT_ENTRY) return entry[1];
  throw InputError(
      "attach: the kernel does not let gdb into process {}: its /proc/{}/auxv cannot be read",
      process, process);
}

// gdb's commands that make the calls where a thread stands now.
//
// By hand, and not as gdb makes calls: that saves and restores all registers, which gdb 13 cannot
// do where the processor has AMX (it does not know the vector registers' size). Where a function
// begins, what it may overwrite is of no use to its caller any more, except for the whole numbers
// that are its arguments, and so these registers are enough. The thread's errno is as it was
// afterwards, too: its caller may yet look at it. What the calls need in memory lies on the
// thread's stack, beyond the 128 bytes that the thread may be using under its end.
std::string calls_of(const DebuggerCall& call) {
  constexpr std::array kRegisters = {"rax", "rcx", "rdx", "rsi", "rdi", "r8",
                                     "r9",  "r10", "r11", "rsp", "rip"};
  std::string save;
  std::string restore;
  for (const char* name : kRegisters) {
    save += fmt::format("set $saved_{0} = (unsigned long)${0}\n", name);
    restore += fmt::format("set ${0} = $saved_{0}\n", name);
  }
  std::string put;
  std::size_t offset = 0;
  for (const auto& [name, text] : {std::pair{"library", call.library},
                                   {"function", call.function},
                                   {"argument", call.argument}}) {
    const std::size_t bytes = text.size() + 1;
    put += fmt::format("set ${0} = $texts + {1}\nset {{char[{2}]}}${0} = {3}\n", name, offset,
                       bytes, quoted(text));
    offset += bytes;
  }
  constexpr std::size_t kMayBeInUse = 128;
  return fmt::format(R"({save}set $texts = $saved_rsp - {room}
set $stack = ($texts & ~15) - 8
{put}set $first = 0
set $second = 0
set $callee = (unsigned long)&__errno_location
make_call
set $errno = (unsigned long)$rax
set $error = {{int}}$errno
set $first = $library
set $second = 2
set $callee = (unsigned long)&dlopen
make_call
if $rax == 0
printf "{prefix}not loaded\n"
else
set $first = (unsigned long)$rax
set $second = $function
set $callee = (unsigned long)&dlsym
make_call
set $first = $argument
set $callee = (unsigned long)$rax
make_call
printf "{prefix}%d\n", (int)$rax
end
set {{int}}$errno = $error
{restore})",
                     fmt::arg("save", save), fmt::arg("room", kMayBeInUse + offset),
                     fmt::arg("put", put), fmt::arg("prefix", kPrefix),
                     fmt::arg("restore", restore));
}

// The calls are made where the first breakpoint is reached and nowhere else: no signal ends a call,
// nor does another thread that comes to a breakpoint. Of the libraries only those are looked into
// that have the functions.
std::string script_of(const DebuggerCall& call) {
  std::string script = fmt::format(R"(set confirm off
set pagination off
set language c
set breakpoint pending off
sharedlibrary libpython
sharedlibrary lib(c|dl)[.-]
set $arrived = 0
define make_call
set $rdi = $first
set $rsi = $second
set $rsp = $stack
set {{unsigned long}}$stack = {0:#x}
set $rip = $callee
tbreak *{0:#x}
commands
silent
end
continue
end
)",
                                   entry_point(call.process));
  for (const std::string& function : call.safe_at)
    script += fmt::format("tbreak {}\ncommands\nsilent\nset $arrived = 1\nend\n", function);
  return script + fmt::format(R"(handle all nostop noprint pass
handle SIGURG stop nopass
printf "{}{}\n"
continue
if $arrived
delete
handle SIGURG nostop noprint pass
{}end
detach
quit
)",
                              kPrefix, kAttached, calls_of(call));
}

// gdb at work, in a process group of its own: an interrupt from the terminal is not for it. Were it
// killed, its breakpoints would stay in the process, which dies of them.
class Debugger {
 public:
  Debugger(int process, const std::string& script);
  Debugger(const Debugger&) = delete;
  Debugger& operator=(const Debugger&) = delete;
  ~Debugger();

  // All that it said until it ended, which it is asked to at `deadline` and when the program is.
  std::string run(std::chrono::steady_clock::time_point deadline);
  [[nodiscard]] bool was_asked_to_end() const noexcept { return asked_; }

 private:
  int process_;
  MemoryFile script_;
  pid_t id_ = 0;
  int output_ = -1;
  bool asked_ = false;
};

Debugger::Debugger(int process, const std::string& script)
    : process_(process), script_(MemoryFile::create("pymemlab-attach", script.size())) {
  if (::pwrite(script_.descriptor(), script.data(), script.size(), 0) !=
      static_cast<ssize_t>(script.size()))
    throw InputError("attach: no memory for gdb's commands: {}", std::strerror(errno));
  std::vector<std::string> words = {"gdb", "-nx", "-q", "-batch", "-readnever"};
  for (const char* setting :
       {"set auto-solib-add off", "set auto-load off", "set debuginfod enabled off"}) {
    words.insert(words.end(), {"-iex", setting});
  }
  words.insert(words.end(), {"-p", std::to_string(process), "-x",
                             fmt::format("/proc/{}/fd/{}", ::getpid(), script_.descriptor())});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  std::array<int, 2> pipe = {-1, -1};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
    throw InputError("attach: no pipe: {}", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int error = posix_spawnp(&id_, "gdb", &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  output_ = pipe[0];
  if (error == 0) return;
  ::close(output_);
  throw InputError(
      "attach: needs gdb to reach a process that runs already, and cannot start it: {} (Debian's "
      "package gdb)",
      std::strerror(error));
}

Debugger::~Debugger() {
  ::close(output_);
  while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::string Debugger::run(std::chrono::steady_clock::time_point deadline) {
  std::string said;
  std::array<char, 4096> buffer;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const bool is_over = left.count() <= 0 || Program::told_to_stop();
    if (is_over && line_after(said, kPrefix) == kAttached) {
      ::kill(process_, kEndOfWait);
      asked_ = true;
    }
    pollfd waiting = {.fd = output_, .events = POLLIN, .revents = 0};
    const auto patience = is_over ? kTurn : std::min(left, kTurn);
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) continue;
    const ssize_t got = ::read(output_, buffer.data(), buffer.size());
    if (got == 0) return said;
    if (got > 0) said.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

int call_with_debugger(const DebuggerCall& call) {
  Debugger debugger(call.process, script_of(call));
  const std::string said = debugger.run(std::chrono::steady_clock::now() + call.patience);
  const std::string_view answer = line_after(said, kPrefix);
  if (answer == "not loaded") {
    throw InputError(
        "attach: process {} cannot load {}; it may run in another container, or under another root",
        call.process, call.library);
  }
  const bool entered = !answer.empty() && answer != kAttached;
  if (!entered && Program::told_to_stop())
    throw InputError("attach: interrupted before process {} was entered", call.process);
  if (answer == kAttached) {
    if (!debugger.was_asked_to_end())
      throw InputError("attach: process {} ended before it was entered, or gdb failed in it: {}",
                       call.process, complaint_of(said));
    throw InputError(
        "attach: no thread of process {} came by {} within {} seconds; attach while it is at work",
        call.process, fmt::join(call.safe_at, ", "), call.patience.count());
  }
  if (answer.empty()) {
    if (said.find("Operation not permitted") != std::string::npos) {
      throw InputError(
          "attach: the kernel does not let gdb into process {}: it has a debugger already, or "
          "kernel.yama.ptrace_scope or a container's missing CAP_SYS_PTRACE forbids it",
          call.process);
    }
    const std::string_view missing = line_after(said, "Function \"");
    if (const std::size_t end = missing.find("\" not defined"); end != std::string_view::npos)
      throw InputError("attach: process {} has no {}: it runs no CPython 3", call.process,
                       missing.substr(0, end));
    throw InputError("attach: gdb could not enter process {}: {}", call.process,
                     complaint_of(said));
  }
  return std::atoi(std::string(answer).c_str());
}

}  // namespace pymemlab
