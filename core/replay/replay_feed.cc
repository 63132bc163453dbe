#include "core/replay/replay_feed.h"

#include <algorithm>
#include <utility>

namespace pymemlab {

ReplayFeed::ReplayFeed(TraceReader reader) : reader_(std::move(reader)) {}

ReplayFeed::Filled ReplayFeed::fill(std::span<ReplayEvent> events, std::span<std::uint64_t> wide) {
  Filled filled;
  while (filled.events < events.size()) {
    if (!pending_) {
      Operation operation;
      if (!cursor_ || !cursor_->next(operation)) {
        if (!reader_.next(batch_)) {
          translator_.finish(reader_.marks());
          break;
        }
        cursor_.emplace(batch_);
        continue;
      }
      pending_ = translator_.translate(operation);
      if (!pending_) continue;
    }
    const std::span<const std::uint64_t> words = translator_.wide();
    if (filled.wide + words.size() > wide.size()) break;
    std::copy(words.begin(), words.end(), wide.begin() + static_cast<std::ptrdiff_t>(filled.wide));
    filled.wide += words.size();
    events[filled.events++] = *std::exchange(pending_, std::nullopt);
  }
  return filled;
}

std::optional<ReplayEvent> ReplayTranslator::translate(const Operation& operation) {
  ++plan_.events;
  wide_.clear();
  if (!is_request(operation.kind)) {
    note(operation);
    return std::nullopt;
  }
  if (operation.kind == EventKind::realloc_begin) return std::nullopt;
  if (operation.failed) {
    ++plan_.counts.failed;
    return std::nullopt;
  }
  return takes_new_slot(operation.kind) ? new_block(operation) : known_block(operation);
}

std::optional<ReplayEvent> ReplayTranslator::new_block(const Operation& operation) {
  Block& made = block(operation.slot);
  made.live = false;
  if (operation.nested) {
    ++plan_.counts.nested;
    return std::nullopt;
  }
  if (operation.kind == EventKind::realloc_unknown) ++plan_.counts.unknown_reallocs;
  const std::uint64_t bytes = operation.bytes();
  made = {.bytes = bytes, .live = true, .domain = operation.domain};
  ++plan_.counts.issued;
  plan_.peak_live_blocks = std::max(plan_.peak_live_blocks, ++live_blocks_);
  advance(0, bytes);
  switch (operation.kind) {
    case EventKind::calloc: {
      const bool fits = operation.count == 1 && bytes != 0 && bytes <= ReplayEvent::kLargestSize;
      if (!fits) wide_ = {operation.count, operation.size};
      const ReplayKind kind = fits         ? ReplayKind::calloc
                              : bytes == 0 ? ReplayKind::calloc_empty
                                           : ReplayKind::calloc_pair;
      return ReplayEvent(kind, operation.domain, fits ? static_cast<std::uint32_t>(bytes) : 0,
                         operation.slot);
    }
    case EventKind::realloc_null:
      if (bytes == 0)
        return ReplayEvent(ReplayKind::realloc_null_empty, operation.domain, 0, operation.slot);
      return sized(ReplayKind::realloc_null, ReplayKind::realloc_null_wide, operation.domain, bytes,
                   operation.slot);
    default:
      if (bytes == 0)
        return ReplayEvent(ReplayKind::malloc_empty, operation.domain, 0, operation.slot);
      return sized(ReplayKind::malloc, ReplayKind::malloc_wide, operation.domain, bytes,
                   operation.slot);
  }
}

std::optional<ReplayEvent> ReplayTranslator::known_block(const Operation& operation) {
  if (operation.kind == EventKind::free && operation.slot == kNoSlot) {
    ++plan_.counts.issued;
    return ReplayEvent(ReplayKind::free_null, operation.domain, 0, 0);
  }
  Block* known = operation.kind == EventKind::free_unknown ? nullptr : &block(operation.slot);
  if (known == nullptr || !known->live) {
    ++(operation.nested ? plan_.counts.nested : plan_.counts.dead_or_unknown);
    return std::nullopt;
  }
  // An allocator may release inside a request what the program allocated outside one: that counts.
  if (known->domain != operation.domain) ++plan_.counts.wrong_domain;
  ++plan_.counts.issued;
  const std::uint64_t old_bytes = known->bytes;
  if (operation.kind == EventKind::free) {
    known->live = false;
    --live_blocks_;
    advance(old_bytes, 0);
    return ReplayEvent(ReplayKind::free, known->domain, 0, operation.slot);
  }
  known->bytes = operation.size;
  advance(old_bytes, operation.size);
  return sized(ReplayKind::realloc, ReplayKind::realloc_wide, known->domain, operation.size,
               operation.slot);
}

void ReplayTranslator::note(const Operation& operation) {
  if (operation.kind == EventKind::arena_alloc && operation.address != 0) {
    plan_.arenas.push_back({.base = operation.address, .bytes = operation.size});
  } else if (operation.kind == EventKind::mark) {
    first_mark_.emplace(operation.slot, plan_.counts.issued);
  }
}

// The texts of the marks are known only at the end of a trace.
void ReplayTranslator::finish(std::span<const std::string> marks) {
  for (const auto& [text, issued] : first_mark_) {
    if (text < marks.size() && marks[text] == "teardown") plan_.teardown_event = issued;
  }
}

// REQUIRES: counts.issued already counts the event.
void ReplayTranslator::advance(std::uint64_t old_bytes, std::uint64_t new_bytes) {
  live_bytes_ += new_bytes - old_bytes;
  plan_.clock_bytes += clock_advance(old_bytes, new_bytes);
  if (live_bytes_ > plan_.peak_live_bytes) {
    plan_.peak_live_bytes = live_bytes_;
    plan_.peak_live_event = plan_.counts.issued - 1;
  }
}

ReplayEvent ReplayTranslator::sized(ReplayKind narrow, ReplayKind wide, Domain domain,
                                    std::uint64_t size, Slot slot) {
  if (size <= ReplayEvent::kLargestSize)
    return {narrow, domain, static_cast<std::uint32_t>(size), slot};
  wide_ = {size};
  return {wide, domain, 0, slot};
}

std::size_t ReplayTranslator::frees_of_live(std::span<ReplayEvent> events, Slot& from) const {
  std::size_t count = 0;
  for (; from < blocks_.size() && count < events.size(); ++from) {
    const Block& block = blocks_[from];
    if (block.live) events[count++] = ReplayEvent(ReplayKind::free, block.domain, 0, from);
  }
  return count;
}

ReplayTranslator::Block& ReplayTranslator::block(Slot slot) {
  if (slot >= blocks_.size()) {
    blocks_.resize(std::max<std::size_t>(slot + std::size_t{1}, blocks_.size() * 2));
  }
  plan_.slots = std::max(plan_.slots, slot + 1);
  return blocks_[slot];
}

}  // namespace pymemlab
