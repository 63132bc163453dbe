#include "core/trace/edits/slice.h"

#include <fmt/format.h>

namespace pymemlab {

void Slicer::take(const Operation& operation, std::string_view mark) {
  if (next_ == range_.from) begin();
  ++next_;
  if (!begun_) return live_.apply(operation);
  if (operation.kind == EventKind::mark) return sink_.mark(mark);
  hand_on(operation);
}

void Slicer::finish() {
  if (!begun_) begin();
}

// Without a prologue there is nothing to tell from the slice.
void Slicer::begin() {
  begun_ = true;
  if (next_ == 0) return;
  prologue_events_ = live_.rebuild(sink_, slots_, arenas_) + 1;
  sink_.mark(fmt::format("slice starts at event {}", next_));
}

// What is live follows from the slots alone from here on, but for the addresses of blocks that were
// dead before.
void Slicer::hand_on(const Operation& operation) {
  Operation event = operation;
  if (takes_new_slot(event.kind)) {
    const Slot taken = sink_.append(event);
    if (!event.failed) slots_.put(operation.slot, taken);
    return;
  }
  switch (event.kind) {
    case EventKind::realloc:
    case EventKind::realloc_begin:
    case EventKind::free:
      if (event.slot == kNoSlot) break;
      event.slot = slots_.find(event.slot);
      if (event.slot == kNoSlot) return of_dead_block(operation);
      break;
    case EventKind::arena_alloc: arenas_.put(operation.slot, sink_.append(event)); return;
    case EventKind::arena_free:
      if (event.slot != kNoSlot) event.slot = arenas_.find(event.slot);
      break;
    default: break;
  }
  sink_.append(event);
}

void Slicer::of_dead_block(const Operation& operation) {
  if (operation.kind != EventKind::free) {
    ++dead_reallocs_;
    return;
  }
  ++dead_frees_;
  sink_.append({.kind = EventKind::free_unknown,
                .domain = operation.domain,
                .nested = operation.nested,
                .address = live_.address_of(operation.slot)});
}

std::vector<std::string> Slicer::losses() const {
  std::vector<std::string> sentences;
  if (dead_frees_ != 0)
    sentences.push_back(fmt::format(
        "{} frees of blocks that were dead before the slice became frees of unknown blocks",
        dead_frees_));
  if (dead_reallocs_ != 0)
    sentences.push_back(fmt::format(
        "{} reallocs of blocks that were dead before the slice were left out", dead_reallocs_));
  return sentences;
}

}  // namespace pymemlab
