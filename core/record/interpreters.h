// The CPythons of a machine: which there are and what they say of themselves.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace pymemlab {

struct PythonInterpreter {
  std::string path;            // of the program itself, whatever shims it was found behind
  std::string version;         // "3.11.2"
  int minor = 0;               // 11
  std::string shared_library;  // its libpython, "" if it is linked statically
};

// Asks `command` (a path, or a name on the PATH). Nothing if it does not run or is no CPython.
[[nodiscard]] std::optional<PythonInterpreter> ask_interpreter(const std::string& command);

struct FoundInterpreters {
  std::vector<PythonInterpreter> all;  // oldest first, each once
  std::vector<std::string> broken;     // there, but they do not run
};
// The python3 on the PATH, the system's, pyenv's, and every python3.N on the PATH.
[[nodiscard]] FoundInterpreters find_interpreters();

}  // namespace pymemlab
