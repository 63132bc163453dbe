// Which live blocks keep pymalloc from giving arenas back, and what freeing them would return. An
// arena is returned when its last block is freed, so a few blocks that outlive their neighbours
// hold a megabyte each.
//
// The trace is replayed in the model twice: to find the moment at which most of the mapped arenas
// is not live, and up to it. There blocks are sorted into groups by size class and by the line of
// Python that asked for them. A group's answer is no estimate: its blocks are freed in the model,
// and what the arena source then has less is what it returns. docs/advise.md is the manual.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/measure/measurement.h"
#include "core/trace/site.h"

namespace pymemlab {

// The run's allocation clock is cut into this many equal parts, numbered from 1: a block's epoch
// says when it was asked for.
inline constexpr unsigned kEpochs = 10;

// The blocks of one size class that one line of Python asked for, or all of the class if the trace
// does not know lines.
struct PinningGroup {
  std::uint64_t block_bytes = 0;  // of the class
  std::string site = {};          // in words; empty: the trace does not tell
  std::uint64_t blocks = 0;
  std::uint64_t requested_bytes = 0;
  std::uint64_t first_event = 0;  // that made one of the blocks; the numbers are the trace's
  std::uint64_t last_event = 0;
  unsigned first_epoch = 1;
  unsigned last_epoch = 1;
  std::uint64_t arenas = 0;  // that hold a block of the group
  // Once the groups before this one are gone: arenas in which nothing else lives, and the bytes
  // that freeing the group returns. CPython from 3.9 on keeps one empty arena, so this may be one
  // arena less than the first figure says.
  std::uint64_t arenas_alone = 0;
  std::uint64_t returned_bytes = 0;
};

// Arenas of which less than `percent` is live, in rounded bytes.
struct SparseArenas {
  unsigned percent = 0;
  std::uint64_t arenas = 0;
  std::uint64_t blocks = 0;
};

struct ArenaPinning {
  std::uint64_t event = 0;        // of the trace; the moment is right after it
  std::string_view moment = {};   // why this one, in words
  std::uint64_t arena_bytes = 0;  // of one arena
  std::uint64_t arenas = 0;
  std::uint64_t mapped_bytes = 0;  // of all arenas
  std::uint64_t live_blocks = 0;   // in pools
  std::uint64_t live_bytes = 0;    // that they asked for
  std::array<SparseArenas, 3> sparse{};
  bool knows_sites = false;
  std::uint64_t groups_found = 0;
  // The one that returns most first, then the one that returns most once that is gone, and so on;
  // after them those that return nothing as long as others share their arenas, the one that holds
  // the largest share of sparse arenas first.
  std::vector<PinningGroup> groups = {};
};

struct ArenaPinningOptions {
  // The moment: after this event of the trace. Default: after the peak of live bytes, where most of
  // the mapped arenas is not live, the end of the interpreter left aside: up to the mark
  // "teardown"; else, in a recording, up to the last request by a line of Python or, if it knows no
  // lines, up to 99 % of the allocation clock.
  std::optional<std::uint64_t> event = {};
  std::size_t limit = 10;  // groups that are listed
};

// What pins arenas in the cell's model; nothing if pymalloc does not serve its configuration, or
// has no arena at the moment. REQUIRES: `trace` is what survey_trace() says of a file that is still
// there. Throws InputError.
[[nodiscard]] std::optional<ArenaPinning> find_arena_pinning(
    const MeasuredTrace& trace, const Cell& cell, const ArenaPinningOptions& options = {});

}  // namespace pymemlab
