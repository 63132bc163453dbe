// Runs a function in a child process, for what ends the process or writes to its standard error.
#pragma once

#include <functional>

#include "tests/command.h"

namespace pymemlab {

// What it wrote to standard error, and how it ended: 0 if it returned. Leaves no core file.
CommandResult run_in_child(const std::function<void()>& body);

}  // namespace pymemlab
