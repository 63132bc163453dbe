#include "tests/interpreters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>
#include <sstream>
#include <tuple>

#include "tests/command.h"

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

std::vector<Interpreter> find_all() {
  std::vector<Interpreter> found;
  std::set<std::string> seen;
  for (const std::string& name : candidates()) {
    const bool is_path = name.find('/') != std::string::npos;
    if (is_path && !fs::exists(name)) continue;
    const CommandResult answer = run({name, "-c", kQuestion});
    if (answer.status != 0) {
      // A pyenv shim for a version that is not selected answers 127, as a missing command does.
      if (answer.status != 127) std::cerr << name << " does not run and is skipped\n";
      continue;
    }
    std::istringstream lines(answer.out);
    std::string implementation;
    std::string minor;
    Interpreter interpreter;
    std::getline(lines, implementation);
    std::getline(lines, interpreter.version);
    std::getline(lines, minor);
    std::getline(lines, interpreter.path);
    std::getline(lines, interpreter.shared_library);
    if (implementation != "cpython" || !seen.insert(interpreter.path).second) continue;
    interpreter.minor = std::stoi(minor);
    found.push_back(interpreter);
  }
  std::sort(found.begin(), found.end(), [](const Interpreter& a, const Interpreter& b) {
    return std::tie(a.minor, a.path) < std::tie(b.minor, b.path);
  });
  return found;
}

}  // namespace

std::string Interpreter::test_name() const {
  // Two of one version are told apart by their place in the list.
  const auto& all = interpreters();
  const auto twins = std::count_if(all.begin(), all.end(), [this](const Interpreter& other) {
    return other.version == version && other.path < path;
  });
  std::string name = fmt::format("Python_{}", version);
  if (twins != 0) name += fmt::format("_{}", twins + 1);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

std::ostream& operator<<(std::ostream& stream, const Interpreter& interpreter) {
  return stream << "CPython " << interpreter.version << " at " << interpreter.path;
}

const std::vector<Interpreter>& interpreters() {
  static const std::vector<Interpreter> all = find_all();
  return all;
}

}  // namespace pymemlab
