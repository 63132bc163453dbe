// A run of a heap that is checked after every operation, in a process of its own: one that breaks
// the heap ends in an abort, and the parent lives to cut it down to the few operations that
// suffice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/pymalloc/geometry.h"
#include "tests/pymalloc/random_operations.h"

namespace pymemlab {

// How the run's surroundings misbehave, to see that a run can fail.
enum class Fault : std::uint8_t {
  none,
  raw_repeats,  // raw gives every request of more than 600 bytes the same block
};

// How often the paths that a random run is for were taken.
struct Coverage {
  std::size_t arenas_requested = 0;
  std::size_t arenas_refused = 0;
  std::size_t arenas_released = 0;
  std::size_t growths_refused = 0;  // of the arena table
  std::size_t nodes_refused = 0;    // of the radix tree
  std::size_t raw_refused = 0;      // of blocks
};

struct RunOutcome {
  // What went wrong, as the run said it, and after which operation; absent if nothing did.
  std::optional<std::string> failure;
  std::size_t operation = 0;
  Coverage coverage;
};

// Runs them in a child process and checks after each that the heap's invariants hold, that its
// statistics are what the operations make them, and that no live block lost a byte or its place.
[[nodiscard]] RunOutcome run_operations(const Geometry& geometry,
                                        const std::vector<Operation>& operations,
                                        Fault fault = Fault::none);

}  // namespace pymemlab
