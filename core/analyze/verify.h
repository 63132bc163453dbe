// Is the model the recorded CPython? Replays a recorded trace with its arenas at the recorded bases
// and holds everything the trace shows of the real allocator against what the model does: where
// each block lies, each arena requested and released, and, at checkpoints, the interpreter's own
// statistics line by line. docs/verify.md is the manual.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/pymem/profile.h"

namespace pymemlab {

// How many things of one kind were compared, and how many were equal.
struct Tally {
  std::uint64_t compared = 0;
  std::uint64_t equal = 0;

  void count(bool is_equal) noexcept {
    ++compared;
    equal += is_equal ? 1 : 0;
  }
  [[nodiscard]] bool all_equal() const noexcept { return equal == compared; }
};

// The first thing that was not equal.
struct VerifyDifference {
  std::uint64_t event = 0;  // number in the trace
  std::string what;         // "malloc obj 48", "arena", "statistics, line 12"
  std::string expected;     // CPython's: "A3+4144", or "R" for a block of the raw allocator
  std::string found;        // the model's
};

struct VerifyReport {
  std::string python;         // version of the recorded interpreter
  std::string configuration;  // it ran with
  bool places_blocks = true;  // false under malloc and malloc_debug: placement is not applicable
  std::uint64_t events = 0;   // replayed
  Tally outcomes;             // requests: a block, or NULL
  Tally placements;           // blocks that either side placed in a pool
  Tally arenas;               // requests and releases, in order
  Tally checkpoints;          // statistics texts
  Tally lines;                // of them
  Tally allocated_blocks;     // sys.getallocatedblocks() at checkpoints
  std::vector<std::string> not_compared;  // one sentence each
  std::optional<VerifyDifference> first_difference;
  std::optional<std::string> damage;  // of the trace

  // Zero comparisons are never a pass.
  [[nodiscard]] bool proves_equal() const noexcept {
    const bool compared = places_blocks ? placements.compared > 0 : outcomes.compared > 0;
    return compared && outcomes.all_equal() && placements.all_equal() && arenas.all_equal() &&
           lines.all_equal() && allocated_blocks.all_equal();
  }
};

// Throws InputError if the trace cannot be read, has no addresses or no recorded Python. `profile`:
// a version to hold it against instead of the recorded one, with its geometry; empty: the recorded.
[[nodiscard]] VerifyReport verify_trace(const std::string& trace_path,
                                        const std::string& profile = {});

}  // namespace pymemlab
