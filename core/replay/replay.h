// The one loop that drives an allocator with events. No file, name or error path: a clock around it
// sees the allocator alone. It calls through the domain's record, as CPython's entry points do.
#pragma once

#include <array>
#include <cstddef>
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

namespace loop_detail {

[[nodiscard]] inline const AllocatorRecord& record_of(ReplayEvent e,
                                                      const DomainTable& domains) noexcept {
  const auto* table = reinterpret_cast<const std::byte*>(domains.data());
  return reinterpret_cast<const DomainEntry*>(table + e.domain_offset())->api;
}

// What the loop needs for the events that it does not perform itself.
struct Rest {
  const std::uint64_t* wide;
  void** live;
  std::uint64_t* sizes;
  std::uint64_t refused = 0;
};

// Any event. Out of line, so that the loop, which performs nearly all events itself, keeps every
// register.
template <Touch kTouch>
[[gnu::noinline]] void perform(const ReplayEvent& e, const AllocatorRecord& api,
                               Rest& rest) noexcept {
  void*& block = rest.live[e.slot()];
  auto next_wide = [&] { return static_cast<std::size_t>(*rest.wide++); };
  auto keep = [&](void* given, [[maybe_unused]] std::size_t bytes) {
    block = given;
    if (given == nullptr) [[unlikely]] {
      ++rest.refused;
      return;
    }
    if (kTouch == Touch::first && bytes != 0) *static_cast<volatile unsigned char*>(given) = 1;
    if constexpr (kTouch == Touch::all) {
      std::memset(given, 1, bytes);
      rest.sizes[e.slot()] = bytes;
    }
  };
  auto resize = [&](std::size_t size) {
    void* moved = api.realloc(api.context, block, size);
    if (moved == nullptr) [[unlikely]] {
      ++rest.refused;  // the block is as it was
      return;
    }
    block = moved;
    if constexpr (kTouch == Touch::all) {
      std::uint64_t& bytes = rest.sizes[e.slot()];
      if (size > bytes) std::memset(static_cast<char*>(moved) + bytes, 1, size - bytes);
      bytes = size;
    }
  };
  auto malloc = [&](std::size_t size) { keep(api.malloc(api.context, size), size); };
  auto realloc_null = [&](std::size_t size) {
    keep(api.realloc(api.context, nullptr, size), size);
  };
  auto calloc_pair = [&] {
    const std::size_t count = next_wide();
    const std::size_t size = next_wide();
    keep(api.calloc(api.context, count, size), count * size);
  };
  switch (e.kind()) {
    case ReplayKind::malloc: return malloc(e.size());
    case ReplayKind::free: return api.free(api.context, block);
    case ReplayKind::realloc: return resize(e.size());
    case ReplayKind::calloc: return keep(api.calloc(api.context, 1, e.size()), e.size());
    case ReplayKind::realloc_null: return realloc_null(e.size());
    case ReplayKind::malloc_wide: return malloc(next_wide());
    case ReplayKind::realloc_wide: return resize(next_wide());
    case ReplayKind::calloc_pair: return calloc_pair();
    case ReplayKind::realloc_null_wide: return realloc_null(next_wide());
    case ReplayKind::malloc_empty: return malloc(0);
    case ReplayKind::calloc_empty: return calloc_pair();
    case ReplayKind::realloc_null_empty: return realloc_null(0);
    case ReplayKind::free_null: return api.free(api.context, nullptr);
  }
}

}  // namespace loop_detail

// Replays `events`; `wide` holds their side words in order, `live[slot]` the blocks.
// Returns how many requests the allocator refused: a replay with any is void.
// REQUIRES: events come from ReplayFeed; live (and, for Touch::all, sizes) covers every slot.
// Not inlined, so that profilers find it.
template <Touch kTouch>
[[nodiscard, gnu::noinline]] std::uint64_t replay(std::span<const ReplayEvent> events,
                                                  const std::uint64_t* wide, std::span<void*> live,
                                                  SlotSizes sizes,
                                                  const DomainTable& domains) noexcept {
  loop_detail::Rest rest{.wide = wide, .live = live.data(), .sizes = sizes.data()};
  void** const blocks = live.data();
  // One test of bits a kind: malloc first, free where malloc is ruled out, then realloc.
  for (const ReplayEvent& e : events) {
    const AllocatorRecord& api = loop_detail::record_of(e, domains);
    if (kTouch != Touch::all && e.is_malloc()) {
      void* block = api.malloc(api.context, e.size());
      blocks[e.slot()] = block;
      if (block == nullptr) [[unlikely]] {
        ++rest.refused;
        continue;
      }
      if constexpr (kTouch == Touch::first) *static_cast<volatile unsigned char*>(block) = 1;
    } else if (e.is_free_or_malloc()) {
      if (kTouch == Touch::all && e.is_malloc()) {
        loop_detail::perform<kTouch>(e, api, rest);
        continue;
      }
      api.free(api.context, blocks[e.slot()]);
    } else if (kTouch != Touch::all && e.is_realloc_or_malloc()) {
      void* moved = api.realloc(api.context, blocks[e.slot()], e.size());
      if (moved == nullptr) [[unlikely]] {
        ++rest.refused;  // the block is as it was
        continue;
      }
      blocks[e.slot()] = moved;
    } else {
      loop_detail::perform<kTouch>(e, api, rest);
    }
  }
  return rest.refused;
}

}  // namespace pymemlab
