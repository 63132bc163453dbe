#include "core/analyze/recorded_arenas.h"

#include <fmt/format.h>

#include <iterator>

namespace pymemlab {

std::string ArenaCall::text() const {
  switch (kind) {
    case Kind::request: return fmt::format("request of A{}", ordinal);
    case Kind::refused: return "refused request";
    case Kind::release: return fmt::format("release of A{}", ordinal);
  }
  return {};
}

std::optional<ArenaCall> RecordedArenas::note(const Operation& operation) {
  if (operation.kind == EventKind::arena_alloc && operation.size == arena_bytes_) {
    if (operation.address == 0) return ArenaCall{.kind = ArenaCall::Kind::refused};
    const std::size_t ordinal = ordinals_++;
    ordinal_of_[operation.address] = ordinal;
    of_request_[operation.slot] = {.base = operation.address, .ordinal = ordinal};
    return ArenaCall{.kind = ArenaCall::Kind::request, .ordinal = ordinal};
  }
  if (operation.kind != EventKind::arena_free) return std::nullopt;
  const auto request = of_request_.find(operation.slot);
  if (request == of_request_.end()) return std::nullopt;
  const std::size_t ordinal = request->second.ordinal;
  ordinal_of_.erase(request->second.base);
  of_request_.erase(request);
  return ArenaCall{.kind = ArenaCall::Kind::release, .ordinal = ordinal};
}

std::optional<Placement> RecordedArenas::placement(std::uint64_t address) const {
  const auto after = ordinal_of_.upper_bound(address);
  if (after == ordinal_of_.begin()) return std::nullopt;
  const auto& [base, ordinal] = *std::prev(after);
  if (address - base >= arena_bytes_) return std::nullopt;
  return Placement{.arena = ordinal, .offset_bytes = address - base};
}

}  // namespace pymemlab
