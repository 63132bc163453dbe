// Every CPython on this machine, found when a test runs, with names for tests.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "core/record/interpreters.h"

namespace pymemlab {

struct Interpreter : PythonInterpreter {
  // For the name of a test: "Python_3_11_2".
  [[nodiscard]] std::string test_name() const;
};
std::ostream& operator<<(std::ostream& stream, const Interpreter& interpreter);

// Oldest first. Those that are there and do not run are named on standard error, once.
const std::vector<Interpreter>& interpreters();

}  // namespace pymemlab
