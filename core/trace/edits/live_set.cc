#include "core/trace/edits/live_set.h"

#include <algorithm>

namespace pymemlab {

void LiveSet::apply(const Operation& operation) {
  if (takes_new_slot(operation.kind)) return allocate(operation);
  switch (operation.kind) {
    case EventKind::realloc: return resize(operation);
    case EventKind::free:
      if (operation.slot != kNoSlot) blocks_[operation.slot].alive = false;
      return;
    case EventKind::arena_alloc:
      arenas_.push_back({operation.failed ? 0 : operation.size, operation.address, context_});
      return;
    case EventKind::arena_free:
      if (operation.slot != kNoSlot) arenas_[operation.slot].size = 0;
      return;
    case EventKind::thread: context_.thread = operation.slot; return;
    case EventKind::interpreter: context_.interpreter = operation.slot; return;
    default: return;
  }
}

void LiveSet::allocate(const Operation& operation) {
  if (operation.failed) return;
  if (operation.slot >= blocks_.size())
    blocks_.resize(std::max<std::size_t>(operation.slot + std::size_t{1}, 2 * blocks_.size()));
  const bool zeroed = operation.kind == EventKind::calloc;
  blocks_[operation.slot] = {.birth = allocations_++,
                             .count = operation.count,
                             .size = operation.size,
                             .address = operation.address,
                             .site = operation.site,
                             .context = context_,
                             .kind = zeroed ? EventKind::calloc : EventKind::malloc,
                             .domain = operation.domain,
                             .nested = operation.nested,
                             .alive = true};
}

void LiveSet::resize(const Operation& operation) {
  Block& block = blocks_[operation.slot];
  if (operation.failed || !block.alive) return;
  block.kind = EventKind::malloc;
  block.count = 1;
  block.size = operation.size;
  block.address = operation.address;
  block.site = operation.site;
  block.domain = operation.domain;
}

std::vector<Slot> LiveSet::live_slots() const {
  std::vector<Slot> live;
  for (std::size_t slot = 0; slot < blocks_.size(); ++slot)
    if (blocks_[slot].alive) live.push_back(static_cast<Slot>(slot));
  std::sort(live.begin(), live.end(),
            [this](Slot a, Slot b) { return blocks_[a].birth < blocks_[b].birth; });
  return live;
}

// Counts what it asks for, and switches context where that differs from the event before.
class LiveSet::Rebuilding {
 public:
  explicit Rebuilding(EventSink& sink) noexcept : sink_(sink) {}

  Slot append(const Operation& operation) {
    ++events_;
    return sink_.append(operation);
  }
  void switch_to(const Context& wanted) {
    if (wanted.thread != context_.thread)
      append({.kind = EventKind::thread, .slot = wanted.thread});
    if (wanted.interpreter != context_.interpreter)
      append({.kind = EventKind::interpreter, .slot = wanted.interpreter});
    context_ = wanted;
  }
  [[nodiscard]] std::uint64_t events() const noexcept { return events_; }

 private:
  EventSink& sink_;
  Context context_;
  std::uint64_t events_ = 0;
};

std::uint64_t LiveSet::rebuild(EventSink& sink, SlotMap& slots, SlotMap& arenas) const {
  Rebuilding prologue(sink);
  for (std::size_t i = 0; i < arenas_.size(); ++i) {
    const Arena& arena = arenas_[i];
    if (arena.size == 0) continue;
    prologue.switch_to(arena.context);
    arenas.put(static_cast<Slot>(i),
               prologue.append(
                   {.kind = EventKind::arena_alloc, .size = arena.size, .address = arena.base}));
  }
  for (const Slot slot : live_slots()) {
    const Block& block = blocks_[slot];
    prologue.switch_to(block.context);
    slots.put(slot, prologue.append({.kind = block.kind,
                                     .domain = block.domain,
                                     .nested = block.nested,
                                     .count = block.count,
                                     .size = block.size,
                                     .address = block.address,
                                     .site = block.site}));
  }
  prologue.switch_to(context_);
  return prologue.events();
}

}  // namespace pymemlab
