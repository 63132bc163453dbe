// The index at the end of a whole trace: where every chunk lies, and what all of them add up to.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/trace/chunk.h"
#include "core/trace/event.h"

namespace pymemlab {

struct TraceIndex {
  std::vector<ChunkPlace> places;  // in file order, the index itself left out
  std::uint64_t events = 0;
  Slot used = 0;  // slots
  std::uint64_t digest = 0;
};

enum IndexColumn : std::uint16_t { kIndexHead = 1, kIndexPlaces = 2 };
inline constexpr std::array<std::uint16_t, 2> kIndexColumns = {kIndexHead, kIndexPlaces};

void add_index(const TraceIndex& index, ChunkBuilder& chunk);
// Throws InputError for impossible coding.
[[nodiscard]] TraceIndex read_index(ChunkReader& chunk);

}  // namespace pymemlab
