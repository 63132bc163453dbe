#include "tests/interpreters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>

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

std::vector<Interpreter> interpreters_in_turn(bool (*fits)(const Interpreter&)) {
  static std::size_t case_number = 0;
  std::vector<Interpreter> fitting;
  std::copy_if(interpreters().begin(), interpreters().end(), std::back_inserter(fitting), fits);
  if (std::getenv("PYMEMLAB_EVERY_INTERPRETER") != nullptr) return fitting;
  std::vector<Interpreter> chosen;
  for (const std::size_t i : in_turn(case_number++, fitting.size())) chosen.push_back(fitting[i]);
  return chosen;
}

std::vector<std::size_t> in_turn(std::size_t case_number, std::size_t count) {
  if (count == 0) return {};
  const std::size_t newest = count - 1;
  if (newest == 0) return {newest};
  return {case_number % newest, newest};
}

}  // namespace pymemlab
