// The mistakes that debug hooks catch, made in the model. interpreter_script.py makes the same
// ones, under the same names, in a real interpreter.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/pymem/gil.h"
#include "core/pymem/memory.h"
#include "core/pymem/tracemalloc.h"
#include "tests/command.h"

namespace pymemlab {

// A program with the GIL, and what it may use.
struct Program {
  Memory& memory;
  Gil& gil;
  Tracemalloc& tracemalloc;
};

struct Misuse {
  std::string_view name;
  void (*commit)(Program& program);
};
[[nodiscard]] std::span<const Misuse> misuses() noexcept;

// Makes the mistake in a process of its own and answers what that process said and how it ended.
[[nodiscard]] CommandResult outcome_of(const Misuse& misuse, const Profile& profile,
                                       std::string_view configuration);

// Without what differs from run to run: addresses, serial numbers, the names and lines of
// tracebacks, and what follows the line of the current thread (the model has no Python frames).
[[nodiscard]] std::string masked(std::string text);

}  // namespace pymemlab
