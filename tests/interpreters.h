// Every CPython on this machine, found when a test runs, with names for tests.
#pragma once

#include <cstddef>
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

// For INSTANTIATE_TEST_SUITE_P: those that the next case of this program runs on. GoogleTest makes
// the parameters of each case of a suite anew, so this is called once for each. They are the newest
// and one of the others, which take turns from case to case and from suite to suite: n cases reach
// n + 1 interpreters. With PYMEMLAB_EVERY_INTERPRETER in the environment, as in `tools/test
// --full`, they are all. `fits` leaves out those that a suite has no use for.
[[nodiscard]] std::vector<Interpreter> interpreters_in_turn(
    bool (*fits)(const Interpreter&) = [](const Interpreter&) { return true; });
// Such a `fits`: before 3.12 all of a process's interpreters share one allocator.
[[nodiscard]] inline bool has_several_allocators(const Interpreter& python) {
  return python.minor >= 12;
}
// Which of `count` things that is, ascending.
[[nodiscard]] std::vector<std::size_t> in_turn(std::size_t case_number, std::size_t count);

}  // namespace pymemlab
