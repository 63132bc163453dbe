#include "core/os/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

void close_if_open(int& descriptor) noexcept {
  if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
}

// Two ends of something, closed on exec.
struct Ends {
  int ours;
  int childs;
};

Ends make_channel() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw InputError("cannot make a channel to a worker: {}", std::strerror(errno));
  }
  return {ends[0], ends[1]};
}

// In the child: `from` becomes descriptor `to`, which stays open across exec. All sources have been
// moved out of the way of the targets before.
void become(int from, int to) noexcept {
  if (from >= 0) ::dup2(from, to);
}

// This process's variables with the child's own put in their place.
std::vector<std::string> environment_of(const ChildOptions& options) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const std::string_view name = text.substr(0, text.find('='));
    const bool replaced = std::any_of(options.environment.begin(), options.environment.end(),
                                      [&](const auto& pair) { return pair.first == name; });
    if (!replaced) variables.emplace_back(text);
  }
  for (const auto& [name, value] : options.environment) {
    if (!value.empty()) variables.push_back(fmt::format("{}={}", name, value));
  }
  return variables;
}

// The array of pointers that exec takes. REQUIRES: `texts` stays as it is.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void run_child(const ChildOptions& options, char* const* argv, char* const* envp,
                            int channel, int failure) noexcept {
  constexpr int kOutOfTheWay = 16;
  const auto moved = [](int descriptor) {
    return descriptor < 0 ? -1 : ::fcntl(descriptor, F_DUPFD_CLOEXEC, kOutOfTheWay);
  };
  const int memory = moved(options.memory_descriptor);
  const int error = moved(options.error_descriptor);
  const int channel_copy = moved(channel);
  const int failure_copy = moved(failure);
  become(error, STDERR_FILENO);
  become(memory, ChildProcess::kMemory);
  become(channel_copy, ChildProcess::kChannel);
  if (options.fixed_addresses) {
    const int persona = ::personality(0xffffffff);
    if (persona >= 0)
      static_cast<void>(::personality(static_cast<unsigned long>(persona) | ADDR_NO_RANDOMIZE));
  }
  if (options.cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(*options.cpu, &cpus);
    static_cast<void>(::sched_setaffinity(0, sizeof cpus, &cpus));
  }
  ::execve(argv[0], argv, envp);
  const int why = errno;
  static_cast<void>(!::write(failure_copy, &why, sizeof why));
  ::_exit(127);
}

std::string describe(int status) {
  if (WIFEXITED(status)) {
    return WEXITSTATUS(status) == 0 ? std::string()
                                    : fmt::format("exited with status {}", WEXITSTATUS(status));
  }
  return fmt::format("was killed by signal {} ({})", WTERMSIG(status),
                     ::strsignal(WTERMSIG(status)));
}

}  // namespace

MemoryFile MemoryFile::create(const char* name, std::size_t bytes) {
  MemoryFile file(::memfd_create(name, MFD_CLOEXEC));
  if (file.descriptor_ < 0 || ::ftruncate(file.descriptor_, static_cast<off_t>(bytes)) != 0) {
    throw InputError("cannot make {} bytes of shared memory: {}", bytes, std::strerror(errno));
  }
  return file;
}
MemoryFile::MemoryFile(MemoryFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}
MemoryFile& MemoryFile::operator=(MemoryFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
std::size_t MemoryFile::bytes() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) {
    throw InputError("descriptor {} holds no shared memory: {}", descriptor_, std::strerror(errno));
  }
  return static_cast<std::size_t>(status.st_size);
}
std::string MemoryFile::text() const {
  std::string text(bytes(), '\0');
  const ssize_t read = ::pread(descriptor_, text.data(), text.size(), 0);
  text.resize(read < 0 ? 0 : static_cast<std::size_t>(read));
  return text;
}
MemoryFile::~MemoryFile() { close_if_open(descriptor_); }

ChildProcess ChildProcess::start(const ChildOptions& options) {
  std::vector<std::string> words = {options.program};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  const std::vector<char*> argv = pointers_to(words);
  const std::vector<std::string> variables = environment_of(options);
  const std::vector<char*> envp = pointers_to(variables);
  Ends channel = make_channel();
  Ends failure = make_channel();  // carries errno if exec fails, nothing if it succeeds
  const pid_t pid = ::fork();
  if (pid == 0) run_child(options, argv.data(), envp.data(), channel.childs, failure.childs);
  int error = pid < 0 ? errno : 0;
  close_if_open(channel.childs);
  close_if_open(failure.childs);
  ChildProcess child(pid, channel.ours);
  if (pid > 0) {
    while (::read(failure.ours, &error, sizeof error) < 0 && errno == EINTR) {
    }
  }
  close_if_open(failure.ours);
  if (error != 0) throw InputError("cannot start {}: {}", options.program, std::strerror(error));
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), channel_(std::exchange(other.channel_, -1)) {}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    static_cast<void>(wait());
  }
  close_if_open(channel_);
}

bool ChildProcess::send(char command) { return send_byte(channel_, command); }
std::optional<char> ChildProcess::receive() { return receive_byte(channel_); }

std::string ChildProcess::wait() {
  close_if_open(channel_);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) return "could not be waited for";
  }
  pid_ = -1;
  return describe(status);
}

bool send_byte(int descriptor, char byte) noexcept {
  ssize_t sent = 0;
  do {
    sent = ::send(descriptor, &byte, 1, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == 1;
}

std::optional<char> receive_byte(int descriptor) noexcept {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::recv(descriptor, &byte, 1, 0);
  } while (got < 0 && errno == EINTR);
  return got == 1 ? std::optional<char>(byte) : std::nullopt;
}

std::string running_program() {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) throw InputError("cannot read /proc/self/exe: {}", std::strerror(errno));
  return {path.data(), static_cast<std::size_t>(length)};
}

}  // namespace pymemlab
