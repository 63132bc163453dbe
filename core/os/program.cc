#include "core/os/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

constexpr std::array kSharedSignals = {SIGINT, SIGQUIT};  // the terminal sends them to both
constexpr std::array kForwardedSignals = {SIGTERM, SIGHUP};

// The program that runs, for the handlers. 0: none.
std::atomic<int> g_running = 0;
std::atomic<bool> g_told_to_stop = false;
std::atomic<Program::Wish> g_wish = Program::Wish::none;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void note_signal(int) { g_told_to_stop = g_running == 0; }

void forward_signal(int signal) {
  const int running = g_running;
  const int saved = errno;
  if (running != 0) kill(running, signal);
  g_told_to_stop = running == 0;
  errno = saved;
}

void note_wish(int signal) {
  g_wish = signal == SIGUSR1 ? Program::Wish::start : Program::Wish::stop;
}

// What was ignored stays ignored: the caller (nohup) wanted it so.
void handle(int signal, void (*handler)(int)) {
  struct sigaction before = {};
  sigaction(signal, nullptr, &before);
  if (before.sa_handler == SIG_IGN) return;
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

// Environment and arguments as exec wants them; the strings are borrowed.
std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// A changed variable keeps its place; a new one comes last.
std::vector<std::string> environment_with(const Program::Variables& changed) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  for (const auto& [name, value] : changed) {
    const std::string prefix = name + "=";
    bool found = false;
    for (std::string& entry : environment) {
      if (entry.rfind(prefix, 0) != 0) continue;
      entry = prefix + value;
      found = true;
    }
    if (!found) environment.push_back(prefix + value);
  }
  return environment;
}

ExitStatus decode(int wait_status) {
  if (WIFSIGNALED(wait_status))
    return {.code = 128 + WTERMSIG(wait_status), .signal = WTERMSIG(wait_status)};
  return {.code = WEXITSTATUS(wait_status)};
}

}  // namespace

Program Program::start(const std::vector<std::string>& command, const Variables& changed,
                       Output output) {
  std::vector<std::string> arguments = command;
  std::vector<std::string> environment = environment_with(changed);
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  std::array<int, 2> failure = {-1, -1};  // exec's errno comes through here, or the end of the pipe
  if (pipe2(failure.data(), O_CLOEXEC) != 0) throw InputError("no pipe: {}", std::strerror(errno));

  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  const pid_t id = fork();
  if (id == 0) {
    sigprocmask(SIG_SETMASK, &before, nullptr);
    if (output == Output::to_stderr) dup2(STDERR_FILENO, STDOUT_FILENO);
    execvpe(argument_pointers[0], argument_pointers.data(), environment_pointers.data());
    const int error = errno;
    const ssize_t written = ::write(failure[1], &error, sizeof error);
    _exit(written == sizeof error ? 127 : 126);
  }
  ::close(failure[1]);
  int error = id < 0 ? errno : 0;
  if (id > 0) {
    g_running = id;
    note_requests();
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
  Program program(id > 0 ? id : 0);
  if (id > 0) {
    while (::read(failure[0], &error, sizeof error) < 0 && errno == EINTR) {
    }
  }
  ::close(failure[0]);
  if (error != 0) throw InputError("cannot run {}: {}", command[0], std::strerror(error));
  return program;
}

void Program::note_requests() noexcept {
  g_told_to_stop = false;
  for (const int signal : kSharedSignals) handle(signal, note_signal);
  for (const int signal : kForwardedSignals) handle(signal, forward_signal);
  for (const int signal : {SIGUSR1, SIGUSR2}) handle(signal, note_wish);
}

Program::~Program() {
  if (id_ == 0 || status_) return;
  waitpid(id_, nullptr, 0);
  g_running = 0;
}

std::optional<ExitStatus> Program::ended() {
  int wait_status = 0;
  if (!status_ && waitpid(id_, &wait_status, WNOHANG) == id_) {
    g_running = 0;
    status_ = decode(wait_status);
  }
  return status_;
}

bool Program::told_to_stop() noexcept { return g_told_to_stop; }

Program::Wish Program::take_wish() noexcept { return g_wish.exchange(Wish::none); }

CapturedOutput run_quietly(const std::vector<std::string>& command) {
  std::vector<std::string> arguments = command;
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  std::array<int, 2> out = {-1, -1};
  if (pipe2(out.data(), O_CLOEXEC) != 0) throw InputError("no pipe: {}", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  pid_t id = 0;
  const int error =
      posix_spawnp(&id, argument_pointers[0], &actions, nullptr, argument_pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  CapturedOutput captured{.code = 127, .out = {}};
  if (error == 0) {
    std::array<char, 4096> buffer;
    for (ssize_t got; (got = ::read(out[0], buffer.data(), buffer.size())) != 0;) {
      if (got < 0 && errno != EINTR) break;
      if (got > 0) captured.out.append(buffer.data(), static_cast<std::size_t>(got));
    }
    int wait_status = 0;
    while (waitpid(id, &wait_status, 0) < 0 && errno == EINTR) {
    }
    captured.code = decode(wait_status).code;
  }
  ::close(out[0]);
  return captured;
}

ProcessWatch::ProcessWatch(int id) noexcept
    : id_(id), descriptor_(static_cast<int>(syscall(SYS_pidfd_open, id, 0))) {}

ProcessWatch::~ProcessWatch() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool ProcessWatch::has_ended() const noexcept {
  if (descriptor_ < 0) return kill(id_, 0) != 0 && errno == ESRCH;
  pollfd waiting = {.fd = descriptor_, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, 0) == 1;
}

std::optional<ExitStatus> ProcessWatch::exit() const noexcept {
  // Linux: struct pidfd_info and PIDFD_GET_INFO, newer than the headers we may be built with.
  struct Info {
    std::uint64_t mask;
    std::uint64_t cgroup;
    std::array<std::uint32_t, 11> ids;
    std::int32_t exit_code;
  };
  static_assert(sizeof(Info) == 64);
  constexpr std::uint64_t kExit = 1u << 3;
  constexpr unsigned long kGetInfo = _IOWR(0xFF, 11, Info);
  Info info = {};
  info.mask = kExit;
  if (descriptor_ < 0 || ioctl(descriptor_, kGetInfo, &info) != 0 || (info.mask & kExit) == 0)
    return std::nullopt;
  return decode(info.exit_code);
}

void survive_file_size_limit() noexcept {
  handle(SIGXFSZ, [](int) {});
}

void allow_many_files() noexcept {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace pymemlab
