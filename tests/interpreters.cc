#include "tests/interpreters.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

namespace pymemlab {
namespace {

std::vector<Interpreter> find_all() {
  FoundInterpreters found = find_interpreters();
  for (const std::string& name : found.broken) {
    std::cerr << name << " does not run and is skipped\n";
  }
  std::vector<Interpreter> all;
  for (PythonInterpreter& interpreter : found.all) all.push_back({std::move(interpreter)});
  return all;
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
