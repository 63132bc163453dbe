#include "core/record/interpreters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>
#include <tuple>

#include "core/os/program.h"

namespace pymemlab {
namespace {

namespace fs = std::filesystem;

constexpr int kOldestMinor = 6;
constexpr int kNewestMinor = 20;

// What an interpreter is asked: implementation, version, minor, executable, libpython.
constexpr const char* kQuestion =
    "import os, sys, sysconfig as c\n"
    "v = c.get_config_var\n"
    "shared = v('Py_ENABLE_SHARED') and os.path.join(v('LIBDIR'), v('INSTSONAME'))\n"
    "print(sys.implementation.name)\n"
    "print('.'.join(map(str, sys.version_info[:3])))\n"
    "print(sys.version_info[1])\n"
    "print(os.path.realpath(sys.executable))\n"
    "print(shared if shared and os.path.exists(shared) else '')\n";

std::vector<std::string> candidates() {
  std::vector<std::string> names = {"python3", "/usr/bin/python3"};
  const char* root = std::getenv("PYENV_ROOT");
  const char* home = std::getenv("HOME");
  const fs::path versions = root != nullptr
                                ? fs::path(root) / "versions"
                                : fs::path(home != nullptr ? home : "") / ".pyenv/versions";
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(versions, none)) {
    names.push_back((entry.path() / "bin/python3").string());
  }
  for (int minor = kOldestMinor; minor <= kNewestMinor; ++minor)
    names.push_back(fmt::format("python3.{}", minor));
  return names;
}

// The status with which a shell, and a pyenv shim of a version that is not selected, says that
// there is no such command.
constexpr int kNotFound = 127;

std::optional<PythonInterpreter> understand(const std::string& answer) {
  std::istringstream lines(answer);
  std::string implementation;
  std::string minor;
  PythonInterpreter interpreter;
  std::getline(lines, implementation);
  std::getline(lines, interpreter.version);
  std::getline(lines, minor);
  std::getline(lines, interpreter.path);
  std::getline(lines, interpreter.shared_library);
  if (implementation != "cpython") return std::nullopt;
  std::from_chars(minor.data(), minor.data() + minor.size(), interpreter.minor);
  return interpreter;
}

}  // namespace

std::optional<PythonInterpreter> ask_interpreter(const std::string& command) {
  const CapturedOutput answer = run_quietly({command, "-c", kQuestion});
  return answer.code == 0 ? understand(answer.out) : std::nullopt;
}

FoundInterpreters find_interpreters() {
  FoundInterpreters found;
  std::set<std::string> seen;
  for (const std::string& name : candidates()) {
    const bool is_path = name.find('/') != std::string::npos;
    if (is_path && !fs::exists(name)) continue;
    const CapturedOutput answer = run_quietly({name, "-c", kQuestion});
    if (answer.code != 0) {
      if (answer.code != kNotFound) found.broken.push_back(name);
      continue;
    }
    auto interpreter = understand(answer.out);
    if (interpreter && seen.insert(interpreter->path).second) {
      found.all.push_back(*std::move(interpreter));
    }
  }
  std::sort(found.all.begin(), found.all.end(), [](const auto& a, const auto& b) {
    return std::tie(a.minor, a.path) < std::tie(b.minor, b.path);
  });
  return found;
}

}  // namespace pymemlab
