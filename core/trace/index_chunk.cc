#include "core/trace/index_chunk.h"

#include "core/base/input_error.h"
#include "core/trace/little_endian.h"

namespace pymemlab {
namespace {

constexpr std::size_t kHeadBytes = 20;
constexpr std::size_t kPlaceBytes = 20;

}  // namespace

void add_index(const TraceIndex& index, ChunkBuilder& chunk) {
  Bytes head;
  put_fixed(head, index.events);
  put_fixed(head, index.used);
  put_fixed(head, index.digest);
  Bytes places;
  for (const ChunkPlace& place : index.places) {
    put_fixed(places, place.tag);
    put_fixed(places, place.offset);
    put_fixed(places, place.first_event);
  }
  chunk.add(kIndexHead, head);
  chunk.add(kIndexPlaces, places);
}

TraceIndex read_index(ChunkReader& chunk) {
  Bytes buffer;
  if (chunk.column(kIndexHead, kHeadBytes, buffer) != kHeadBytes)
    throw InputError("{}: impossible coding: the index has no totals", chunk.place());
  TraceIndex index;
  index.events = get_fixed<std::uint64_t>(buffer.data());
  index.used = get_fixed<Slot>(buffer.data() + 8);
  index.digest = get_fixed<std::uint64_t>(buffer.data() + 12);
  const std::size_t bytes = chunk.column(kIndexPlaces, kMaxColumnBytes, buffer);
  if (bytes % kPlaceBytes != 0)
    throw InputError("{}: impossible coding: the index ends inside an entry", chunk.place());
  for (std::size_t at = 0; at < bytes; at += kPlaceBytes)
    index.places.push_back({.tag = get_fixed<std::uint32_t>(buffer.data() + at),
                            .offset = get_fixed<std::uint64_t>(buffer.data() + at + 4),
                            .first_event = get_fixed<std::uint64_t>(buffer.data() + at + 12)});
  return index;
}

}  // namespace pymemlab
