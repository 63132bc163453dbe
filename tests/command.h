// Runs a command to its end, as a shell would, and keeps what it printed.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace pymemlab {

struct CommandResult {
  int status = 0;  // the exit status, or 128 + the signal
  std::string out;
  std::string err;
};

struct CommandOptions {
  // Set, or with a value of kUnset taken away, in the environment.
  std::vector<std::pair<std::string, std::string>> environment = {};
  std::string input = {};
  std::string folder = {};  // to run in; "": this one
};
inline const std::string kUnset = std::string("\0unset", 6);

// A command that runs. It leads a process group of its own, so that a test can play the terminal.
class Command {
 public:
  explicit Command(const std::vector<std::string>& words, const CommandOptions& options = {});
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command();

  [[nodiscard]] int id() const noexcept { return id_; }
  // What it has printed so far.
  [[nodiscard]] std::string out() const;
  // Waits until it has printed `text`; false when it ends, or half a minute passes, without.
  [[nodiscard]] bool has_printed(const std::string& text) const;
  // Waits for its end.
  CommandResult result();

 private:
  [[nodiscard]] bool has_ended() const;

  int id_ = -1;
  int out_ = -1;
  int err_ = -1;
};

// Looks every millisecond whether something is true by now; false if it is not in half a
// minute.
[[nodiscard]] bool comes_true(const std::function<bool()>& condition);

CommandResult run(const std::vector<std::string>& words, const CommandOptions& options = {});

}  // namespace pymemlab
