#include "core/trace/formats/plain_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace pymemlab {

std::optional<PlainRequest> PlainFilter::take(const Operation& operation) {
  // Under tracemalloc, an allocator frees blocks of its own that were requested at top level.
  const bool frees_live = operation.kind == EventKind::free && is_live(operation.slot);
  if (operation.nested && !frees_live) {
    if (takes_new_slot(operation.kind) && !operation.failed) set_live(operation.slot, false);
    return lose(kNested);
  }
  switch (operation.kind) {
    case EventKind::malloc:
    case EventKind::calloc:
    case EventKind::realloc_null:
    case EventKind::realloc_unknown: return allocate(operation);
    case EventKind::realloc: return resize(operation);
    case EventKind::free: return release(operation);
    case EventKind::free_unknown: return lose(kUnknownFree);
    case EventKind::arena_alloc:
    case EventKind::arena_free: return lose(kArena);
    case EventKind::thread:
      thread_ = operation.slot;
      return can_.threads ? std::nullopt : lose(kThread);
    case EventKind::realloc_begin:
    case EventKind::interpreter: return lose(kContext);
    case EventKind::mark: return lose(kMark);
  }
  return std::nullopt;
}

std::optional<PlainRequest> PlainFilter::lose(Loss loss) {
  ++lost_[loss];
  return std::nullopt;
}

std::optional<PlainRequest> PlainFilter::allocate(const Operation& operation) {
  if (operation.failed) return lose(kFailed);
  PlainRequest request{.slot = operation.slot, .size = operation.bytes(), .thread = thread_};
  if (operation.kind == EventKind::calloc) {
    if (can_.calloc) request.kind = PlainRequest::Kind::allocate_zeroed;
    if (!can_.calloc) ++lost_[kCalloc];
    if (can_.calloc && operation.count != 1) ++lost_[kCallocArguments];
  } else if (operation.kind == EventKind::realloc_null) {
    if (can_.realloc_null) request.kind = PlainRequest::Kind::allocate_by_realloc;
    if (!can_.realloc_null) ++lost_[kNullRealloc];
  } else if (operation.kind == EventKind::realloc_unknown) {
    ++lost_[kUnknownRealloc];
  }
  set_live(operation.slot, true);
  return request;
}

std::optional<PlainRequest> PlainFilter::resize(const Operation& operation) {
  if (operation.failed) return lose(kFailed);
  if (!is_live(operation.slot)) return lose(kDead);
  return PlainRequest{.kind = PlainRequest::Kind::resize,
                      .slot = operation.slot,
                      .size = operation.size,
                      .thread = thread_};
}

std::optional<PlainRequest> PlainFilter::release(const Operation& operation) {
  if (operation.slot == kNoSlot) {
    if (!can_.null_frees) return lose(kNullFree);
    return PlainRequest{.kind = PlainRequest::Kind::release_null, .thread = thread_};
  }
  if (!is_live(operation.slot)) return lose(kDead);
  set_live(operation.slot, false);
  return PlainRequest{
      .kind = PlainRequest::Kind::release, .slot = operation.slot, .thread = thread_};
}

void PlainFilter::set_live(Slot slot, bool live) {
  if (slot >= live_.size()) live_.resize(std::max(slot + std::size_t{1}, 2 * live_.size()));
  live_[slot] = live;
}

std::vector<std::string> PlainFilter::losses() const {
  constexpr std::array<std::string_view, kLosses> kSentences = {
      "calloc requests became plain allocations of count x size bytes",
      "calloc requests have one argument, of count x size bytes",
      "failed requests were left out",
      "requests that an allocator made itself were left out",
      "frees of no block were left out",
      "frees and reallocs of dead blocks were left out",
      "frees of blocks that the trace has not seen were left out",
      "reallocs of no block became allocations",
      "reallocs of blocks that the trace has not seen became allocations",
      "arena requests and releases were left out",
      "switches of thread were left out",
      "switches of interpreter and beginnings of reallocs were left out",
      "marks were left out"};
  std::vector<std::string> sentences;
  for (std::size_t i = 0; i < kLosses; ++i)
    if (lost_[i] != 0) sentences.push_back(fmt::format("{} {}", lost_[i], kSentences[i]));
  return sentences;
}

}  // namespace pymemlab
