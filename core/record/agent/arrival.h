// How this process came to carry the agent, and how it passes that on: the variable in the
// environment, the table that it names, and a ring from there.
#pragma once

#include <errno.h>
#include <signal.h>

#include <cstddef>
#include <cstdint>

#include "core/record/agent/ring.h"
#include "core/record/agent/table.h"

namespace pymemlab::agent {

[[nodiscard]] inline bool is_alive(std::uint32_t process) noexcept {
  return kill(static_cast<pid_t>(process), 0) == 0 || errno != ESRCH;
}

// Notes the environment and the arguments. False if nothing is to be recorded in this process.
[[nodiscard]] bool arrive(int argument_count, char** arguments) noexcept;

// The same for a process that runs already; another table than before, if there was one. False if
// the path is too long.
[[nodiscard]] bool arrive_late(const char* table_path) noexcept;

// The table, once it has been opened; null before, and if it cannot be. Opening it takes our
// entries out of the environment: the process has a Python and is not to see them.
[[nodiscard]] ring::Table* open_table() noexcept;
[[nodiscard]] ring::Table* table() noexcept;

// A ring that is ours alone, null if there is none left. In a tree that is followed it is waited
// for, two seconds at most. REQUIRES: table() != nullptr.
[[nodiscard]] ring::Header* take_ring() noexcept;
void leave_ring(ring::Header* header) noexcept;
// The arguments of this process, as ring::Header keeps them.
void tell_command(ring::Header& header) noexcept;

// Whether programs that this process starts are to carry the agent even if it is not in the
// environment they are given.
[[nodiscard]] bool passes_agent_on() noexcept;
// "NAME=value" as it arrived, and its last part, what stands for the agent in LD_PRELOAD.
[[nodiscard]] const char* arrival_variable() noexcept;
[[nodiscard]] const char* preload_component() noexcept;

}  // namespace pymemlab::agent
