// One step of a replay: what the loop dispatches on, eight bytes. A trace's events are turned into
// these once (ReplayFeed), which drops what a replay does not issue, so that the loop has no case
// for it.
//
//    bits 0-3 kind | 6-7 domain | 8-31 size | 32-63 slot
//
// The domain's bits stand where, masked, they are the offset of a 64-byte entry.
//
// What does not fit into the size is in 64-bit side words, taken in event order: the kind says so.
#pragma once

#include <cstdint>

#include "core/base/domain.h"

namespace pymemlab {

enum class ReplayKind : std::uint8_t {
  malloc = 0,
  free = 1,
  realloc = 2,
  calloc = 3,        // calloc(1, size)
  realloc_null = 4,  // realloc(NULL, size)
  // The same with sizes from the side words: one word, for calloc two (count, size).
  malloc_wide = 5,
  realloc_wide = 6,
  calloc_pair = 7,
  realloc_null_wide = 8,
  // Zero bytes: the block has no byte that may be touched. calloc takes two side words.
  malloc_empty = 9,
  calloc_empty = 10,
  realloc_null_empty = 11,
  free_null = 12,
};

class ReplayEvent {
 public:
  static constexpr std::uint32_t kLargestSize = 0xFFFFFFu;

  constexpr ReplayEvent() noexcept = default;
  // REQUIRES: size <= kLargestSize.
  constexpr ReplayEvent(ReplayKind kind, Domain domain, std::uint32_t size,
                        std::uint32_t slot) noexcept
      : low_(static_cast<std::uint32_t>(kind) | static_cast<std::uint32_t>(domain) << kDomainShift |
             size << 8),
        slot_(slot) {}

  [[nodiscard]] constexpr ReplayKind kind() const noexcept {
    return static_cast<ReplayKind>(low_ & 15u);
  }
  [[nodiscard]] constexpr bool is_malloc() const noexcept { return (low_ & 15u) == 0; }
  [[nodiscard]] constexpr bool is_free_or_malloc() const noexcept { return (low_ & 14u) == 0; }
  [[nodiscard]] constexpr bool is_realloc_or_malloc() const noexcept { return (low_ & 13u) == 0; }
  [[nodiscard]] constexpr std::size_t domain_index() const noexcept {
    return low_ >> kDomainShift & 3u;
  }
  // domain_index() * 64.
  [[nodiscard]] constexpr std::size_t domain_offset() const noexcept {
    return low_ & 3u << kDomainShift;
  }
  [[nodiscard]] constexpr Domain domain() const noexcept {
    return static_cast<Domain>(domain_index());
  }
  [[nodiscard]] constexpr std::uint32_t size() const noexcept { return low_ >> 8; }
  [[nodiscard]] constexpr std::uint32_t slot() const noexcept { return slot_; }

 private:
  static constexpr unsigned kDomainShift = 6;

  std::uint32_t low_ = 0;
  std::uint32_t slot_ = 0;
};
static_assert(sizeof(ReplayEvent) == 8);

}  // namespace pymemlab
