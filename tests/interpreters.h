// Every CPython on this machine, found when a test runs: the one on the PATH (through whatever
// shims it hides behind), the system's, pyenv's, and every python3.N on the PATH; each once.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace pymemlab {

struct Interpreter {
  std::string path;
  std::string version;         // "3.11.2"
  int minor = 0;               // 11
  std::string shared_library;  // its libpython, "" if it is linked statically

  // For the name of a test: "Python_3_11_2".
  [[nodiscard]] std::string test_name() const;
};
std::ostream& operator<<(std::ostream& stream, const Interpreter& interpreter);

// Oldest first. Those that are there and do not run are named on standard error, once.
const std::vector<Interpreter>& interpreters();

}  // namespace pymemlab
