// Does the model place blocks where the recorded CPython placed them? Replays a recorded trace with
// its arenas at the recorded bases and holds every block against the address the real process got.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/trace/trace_reader.h"

namespace pymemlab {

// The first block that lies elsewhere.
struct PlacementDifference {
  std::uint64_t event;   // number in the trace
  std::string request;   // "malloc obj 48"
  std::string expected;  // where CPython put it: "A3+4144", or "R" for the raw allocator
  std::string found;
};

struct PlacementReport {
  std::string python;          // version of the recorded interpreter
  std::string configuration;   // it ran with
  std::uint64_t compared = 0;  // blocks that either side placed in a pool
  std::uint64_t equal = 0;
  std::uint64_t arenas_compared = 0;  // arena requests and releases, in order
  std::uint64_t arenas_equal = 0;
  std::uint64_t not_compared = 0;  // blocks of other interpreters than the first
  std::optional<PlacementDifference> first_difference;
  std::optional<std::string> damage;  // of the trace

  // Zero comparisons are never a pass.
  [[nodiscard]] bool proves_equal() const noexcept {
    return compared > 0 && equal == compared && arenas_equal == arenas_compared;
  }
};

// Throws InputError if the trace has no addresses, no recorded Python, or one whose configuration
// does not use pymalloc. `profile`: a version to hold it against instead of the recorded one;
// empty: the recorded one.
[[nodiscard]] PlacementReport compare_placements(const std::string& trace_path,
                                                 const std::string& profile = {});

}  // namespace pymemlab
