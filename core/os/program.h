// A command that runs with this process's own standard streams, terminal and process group.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pymemlab {

// How a program ended: what a shell would give as its status.
struct ExitStatus {
  int code = 0;    // the exit status, or 128 + the signal
  int signal = 0;  // 0: it exited by itself
};

// One running program. Once it is started this process survives what is meant for it: an interrupt
// from the terminal reaches both and is the program's to act on, a request to terminate or a
// hang-up is passed on to it. After it has ended such signals are only noted, so that work can be
// finished.
class Program {
 public:
  using Variables = std::vector<std::pair<std::string, std::string>>;

  enum class Output : std::uint8_t {
    own,        // to this process's standard output
    to_stderr,  // to its standard error
  };

  // Runs command[0], found on the PATH, with `changed` variables of the environment set. Throws
  // InputError when there is no such command. REQUIRES: no other Program exists.
  static Program start(const std::vector<std::string>& command, const Variables& changed,
                       Output output = Output::own);
  Program(Program&& other) noexcept : id_(std::exchange(other.id_, 0)), status_(other.status_) {}
  Program& operator=(Program&&) = delete;
  ~Program();

  [[nodiscard]] int id() const noexcept { return id_; }
  // How it ended, or nothing while it runs.
  [[nodiscard]] std::optional<ExitStatus> ended();
  // What SIGUSR1 (start) and SIGUSR2 (stop) asked of this process since the last call; the later
  // one counts.
  enum class Wish : std::uint8_t { none, start, stop };
  [[nodiscard]] static Wish take_wish() noexcept;
  // Whether a request to end came when the program had ended already, or there was none.
  [[nodiscard]] static bool told_to_stop() noexcept;
  // The same for a process that has started no program: from here on it survives the signals above
  // and notes what they ask. REQUIRES: no Program exists.
  static void note_requests() noexcept;

 private:
  explicit Program(int id) noexcept : id_(id) {}
  int id_ = 0;
  std::optional<ExitStatus> status_;
};

struct CapturedOutput {
  int code = 0;     // the exit status, or 128 + the signal; 127 if there is no such command
  std::string out;  // standard output
};
// Runs a command to its end with nothing to read and its messages thrown away.
[[nodiscard]] CapturedOutput run_quietly(const std::vector<std::string>& command);

// Any process, seen from outside: a descriptor that tells when it has ended.
class ProcessWatch {
 public:
  explicit ProcessWatch(int id) noexcept;
  ProcessWatch(ProcessWatch&& other) noexcept
      : id_(other.id_), descriptor_(std::exchange(other.descriptor_, -1)) {}
  ProcessWatch& operator=(ProcessWatch&&) = delete;
  ~ProcessWatch();

  [[nodiscard]] int id() const noexcept { return id_; }
  [[nodiscard]] bool has_ended() const noexcept;
  // How it ended, once somebody has waited for it. Nothing if the kernel (before 6.15) does not
  // tell those who are not its parent.
  [[nodiscard]] std::optional<ExitStatus> exit() const noexcept;

 private:
  int id_;
  int descriptor_;
};

// From here on a write beyond the limit on file sizes fails, and does not end this process.
// Programs that it starts are not affected.
void survive_file_size_limit() noexcept;
// Raises this process's limit on open files as far as it may.
void allow_many_files() noexcept;

}  // namespace pymemlab
