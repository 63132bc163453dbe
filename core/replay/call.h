// A replay event spelled out: which function is called, with which arguments. For passes that look
// at every call; the timed loop (replay.h) dispatches on the event's bits instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/replay/replay_event.h"

namespace pymemlab {

enum class CallKind : std::uint8_t { malloc, calloc, realloc, free };
inline constexpr std::size_t kCallKinds = 4;
[[nodiscard]] constexpr std::string_view name(CallKind kind) noexcept {
  switch (kind) {
    case CallKind::malloc: return "malloc";
    case CallKind::calloc: return "calloc";
    case CallKind::realloc: return "realloc";
    case CallKind::free: return "free";
  }
  return "";
}

struct Call {
  CallKind kind = CallKind::malloc;
  bool takes_block = false;  // the slot's; a realloc or free without it gets NULL
  std::size_t count = 1;     // of calloc
  std::size_t size = 0;

  [[nodiscard]] constexpr std::size_t bytes() const noexcept { return count * size; }
};

// `wide` moves past the side words that the event takes.
[[nodiscard]] inline Call call_of(ReplayEvent event, const std::uint64_t*& wide) noexcept {
  const std::size_t size = event.size();
  switch (event.kind()) {
    case ReplayKind::malloc:
    case ReplayKind::malloc_empty: return {.kind = CallKind::malloc, .size = size};
    case ReplayKind::malloc_wide: return {.kind = CallKind::malloc, .size = *wide++};
    case ReplayKind::calloc: return {.kind = CallKind::calloc, .size = size};
    case ReplayKind::calloc_pair:
    case ReplayKind::calloc_empty: {
      const std::uint64_t* pair = wide;
      wide += 2;
      return {.kind = CallKind::calloc, .count = pair[0], .size = pair[1]};
    }
    case ReplayKind::realloc_null:
    case ReplayKind::realloc_null_empty: return {.kind = CallKind::realloc, .size = size};
    case ReplayKind::realloc_null_wide: return {.kind = CallKind::realloc, .size = *wide++};
    case ReplayKind::realloc: return {.kind = CallKind::realloc, .takes_block = true, .size = size};
    case ReplayKind::realloc_wide:
      return {.kind = CallKind::realloc, .takes_block = true, .size = *wide++};
    case ReplayKind::free: return {.kind = CallKind::free, .takes_block = true};
    case ReplayKind::free_null: return {.kind = CallKind::free};
  }
  return {};
}

}  // namespace pymemlab
