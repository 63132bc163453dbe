// A target that does nothing, as cheaply as a function called through a record can: what a replay
// of it takes is the loop's own cost, the indirect call included.
// REQUIRES: Touch::none or Touch::first, since all requests get the same few bytes.
#pragma once

#include "core/replay/replay.h"

namespace pymemlab {

[[nodiscard]] inline DomainTable null_domains() noexcept {
  alignas(16) static std::byte scratch[64];
  const AllocatorRecord record = {
      .context = nullptr,
      .malloc = [](void*, std::size_t) -> void* { return scratch; },
      .calloc = [](void*, std::size_t, std::size_t) -> void* { return scratch; },
      .realloc = [](void*, void*, std::size_t) -> void* { return scratch; },
      .free = [](void*, void*) {}};
  DomainTable domains;
  for (DomainEntry& entry : domains) entry.api = record;
  return domains;
}

}  // namespace pymemlab
