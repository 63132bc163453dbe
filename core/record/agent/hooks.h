// The functions that stand in front of the interpreter's allocators, and how they get there again
// when the interpreter's own start-up has put its configuration in their place.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/record/agent/python_api.h"

namespace pymemlab::agent {

// When the agent comes: before the interpreter starts, or into one that runs, whose threads may be
// about to make raw requests.
enum class Arrival : std::uint8_t { early, running };

// Hooks the three domains and the arenas.
void install_hooks(const PythonApi& api, Arrival arrival) noexcept;
[[nodiscard]] bool are_hooks_installed() noexcept;

// Hooks again if mem and obj are somebody else's and no request to them has been seen yet: the
// interpreter then has just applied PYTHONMALLOC or -X dev. Later, and when only raw has changed
// (which start-up does for short windows), whoever replaced a hook wants it so.
void restore_hooks() noexcept;

// From here on the collector says there when to record and when to stand by; null: stand by for
// good. REQUIRES: what was there before stays readable until this returns.
void obey_pauses(const std::atomic<std::uint32_t>* paused) noexcept;

// What the latest hook of the obj domain calls: pymalloc, malloc, or a debug hook around either.
// REQUIRES: are_hooks_installed().
[[nodiscard]] const AllocatorRecord& below_object_hook() noexcept;
// Whether there is one interpreter, as far as allocators of their own matter.
[[nodiscard]] bool is_alone(const PythonApi& api) noexcept;

}  // namespace pymemlab::agent
