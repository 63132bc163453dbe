// The one loop that drives an allocator with events. No file, name or error path: a clock around it
// sees the allocator alone. It calls through the domain's record, as CPython's entry points do.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "core/base/domain.h"
#include "core/pymalloc/allocator_record.h"
#include "core/replay/replay_event.h"

namespace pymemlab {

// How the replay uses the memory it gets, as a program would.
enum class Touch : std::uint8_t {
  none,   // never: resident memory then means nothing
  first,  // writes the first byte of each new block
  all,    // writes every byte of each new block, and what a realloc adds
};

// One record a domain, padded so that the domain's bits in an event are an offset.
struct alignas(64) DomainEntry {
  AllocatorRecord api;
};
static_assert(sizeof(DomainEntry) == 64);
using DomainTable = std::array<DomainEntry, kDomains>;

// A block's bytes so far, for Touch::all; the loop keeps it only there.
using SlotSizes = std::span<std::uint64_t>;

// Replays `events`; `wide` holds their side words in order, `live[slot]` the blocks.
// Returns how many requests the allocator refused: a replay with any is void.
// REQUIRES: events come from ReplayFeed; live (and, for Touch::all, sizes) covers every slot.
template <Touch kTouch>
[[nodiscard]] inline std::uint64_t replay(std::span<const ReplayEvent> events,
                                          const std::uint64_t* wide, std::span<void*> live,
                                          [[maybe_unused]] SlotSizes sizes,
                                          const DomainTable& domains) noexcept {
  std::uint64_t refused = 0;
  auto next_wide = [&] { return static_cast<std::size_t>(*wide++); };
  auto keep = [&](ReplayEvent e, void* block, [[maybe_unused]] std::size_t bytes) {
    live[e.slot()] = block;
    if (block == nullptr) [[unlikely]] {
      ++refused;
      return;
    }
    if constexpr (kTouch == Touch::first) *static_cast<volatile unsigned char*>(block) = 1;
    if constexpr (kTouch == Touch::all) {
      std::memset(block, 1, bytes);
      sizes[e.slot()] = bytes;
    }
  };
  auto keep_untouched = [&](ReplayEvent e, void* block) {
    live[e.slot()] = block;
    if (block == nullptr) [[unlikely]]
      ++refused;
    if constexpr (kTouch == Touch::all) sizes[e.slot()] = 0;
  };
  auto resize = [&](ReplayEvent e, std::size_t size) {
    const AllocatorRecord& api = domains[e.domain_index()].api;
    void*& block = live[e.slot()];
    void* moved = api.realloc(api.context, block, size);
    if (moved == nullptr) [[unlikely]] {
      ++refused;  // the block is as it was
      return;
    }
    block = moved;
    if constexpr (kTouch == Touch::all) {
      std::uint64_t& bytes = sizes[e.slot()];
      if (size > bytes) std::memset(static_cast<char*>(moved) + bytes, 1, size - bytes);
      bytes = size;
    }
  };
  for (const ReplayEvent e : events) {
    const AllocatorRecord& api = domains[e.domain_index()].api;
    switch (e.kind()) {
      case ReplayKind::malloc: keep(e, api.malloc(api.context, e.size()), e.size()); break;
      case ReplayKind::free: api.free(api.context, live[e.slot()]); break;
      case ReplayKind::realloc: resize(e, e.size()); break;
      case ReplayKind::calloc: keep(e, api.calloc(api.context, 1, e.size()), e.size()); break;
      case ReplayKind::realloc_null:
        keep(e, api.realloc(api.context, nullptr, e.size()), e.size());
        break;
      case ReplayKind::malloc_wide: {
        const std::size_t size = next_wide();
        keep(e, api.malloc(api.context, size), size);
        break;
      }
      case ReplayKind::realloc_wide: resize(e, next_wide()); break;
      case ReplayKind::calloc_pair: {
        const std::size_t count = next_wide();
        const std::size_t size = next_wide();
        keep(e, api.calloc(api.context, count, size), count * size);
        break;
      }
      case ReplayKind::realloc_null_wide: {
        const std::size_t size = next_wide();
        keep(e, api.realloc(api.context, nullptr, size), size);
        break;
      }
      case ReplayKind::malloc_empty: keep_untouched(e, api.malloc(api.context, 0)); break;
      case ReplayKind::calloc_empty: {
        const std::size_t count = next_wide();
        keep_untouched(e, api.calloc(api.context, count, next_wide()));
        break;
      }
      case ReplayKind::realloc_null_empty:
        keep_untouched(e, api.realloc(api.context, nullptr, 0));
        break;
      case ReplayKind::free_null: api.free(api.context, nullptr); break;
      default: __builtin_unreachable();
    }
  }
  return refused;
}

}  // namespace pymemlab
