#include "core/trace/edits/thread_filter.h"

#include <fmt/format.h>

#include <algorithm>

namespace pymemlab {

ThreadFilter::ThreadFilter(const std::vector<Slot>& chosen, EventSink& sink) : sink_(sink) {
  for (const Slot thread : chosen) {
    if (thread >= chosen_.size()) chosen_.resize(thread + std::size_t{1});
    chosen_[thread] = true;
  }
}

Slot ThreadFilter::append(const Operation& operation) {
  if (takes_new_slot(operation.kind)) {
    if (operation.failed) return allocate(operation, kNoSlot), kNoSlot;
    table_.make_room(1);
    const Slot slot = table_.allocate();
    if (slot >= addresses_.size())
      addresses_.resize(std::max<std::size_t>(slot + std::size_t{1}, 2 * addresses_.size()));
    addresses_[slot] = operation.address;
    allocate(operation, slot);
    return slot;
  }
  switch (operation.kind) {
    case EventKind::thread: thread_ = operation.slot; break;
    case EventKind::interpreter: interpreter_ = operation.slot; break;
    case EventKind::arena_alloc: change_arenas(operation, arena_count_); return arena_count_++;
    case EventKind::arena_free: change_arenas(operation, operation.slot); break;
    default: change(operation); break;
  }
  return operation.slot;
}

// Whoever asked, the slot is this block's from now on.
void ThreadFilter::allocate(const Operation& operation, Slot slot) {
  if (!is_chosen()) {
    if (slot != kNoSlot) slots_.leave_out(slot);
    ++left_out_;
    return;
  }
  const Slot taken = hand_on(operation);
  if (slot != kNoSlot) slots_.put(slot, taken);
}

void ThreadFilter::change(const Operation& operation) {
  const Slot slot = operation.slot;
  if (slot == kNoSlot) {
    if (is_chosen()) hand_on(operation);
    if (!is_chosen()) ++left_out_;
    return;
  }
  const Slot there = slots_.find(slot);
  if (there != kNoSlot) {
    by_others_ += is_chosen() ? 0 : 1;
    Operation event = operation;
    event.slot = there;
    hand_on(event);
  } else if (is_chosen()) {
    change_foreign(operation);
  } else {
    ++left_out_;
  }
  if (operation.kind == EventKind::realloc && !operation.failed && table_.alive(slot))
    addresses_[slot] = operation.address;
  if (operation.kind == EventKind::free) table_.release(slot);
}

// A realloc makes it a block of the chosen threads, unless it changes nothing.
void ThreadFilter::change_foreign(const Operation& operation) {
  Operation event = operation;
  event.slot = kNoSlot;
  if (operation.kind == EventKind::free) {
    ++foreign_frees_;
    event.kind = EventKind::free_unknown;
    event.address = addresses_[operation.slot];
    hand_on(event);
  } else if (operation.kind == EventKind::realloc && table_.alive(operation.slot)) {
    ++foreign_reallocs_;
    event.kind = EventKind::realloc_unknown;
    event.old_address = addresses_[operation.slot];
    const Slot taken = hand_on(event);
    if (!event.failed) slots_.put(operation.slot, taken);
  } else {
    ++left_out_;
  }
}

void ThreadFilter::change_arenas(const Operation& operation, Slot ordinal) {
  const bool released = operation.kind == EventKind::arena_free && ordinal != kNoSlot;
  Operation event = operation;
  if (released) event.slot = arenas_.find(ordinal);
  if (released ? event.slot == kNoSlot : !is_chosen()) {
    ++left_out_;
    return;
  }
  const Slot there = hand_on(event);
  if (operation.kind == EventKind::arena_alloc) arenas_.put(ordinal, there);
}

Slot ThreadFilter::hand_on(const Operation& operation) {
  const auto [number, is_new] = number_of_.emplace(thread_, static_cast<Slot>(numbers_.size()));
  if (is_new) numbers_.push_back(thread_);
  if (number->second != sink_thread_)
    sink_.append({.kind = EventKind::thread, .slot = sink_thread_ = number->second});
  if (interpreter_ != sink_interpreter_)
    sink_.append({.kind = EventKind::interpreter, .slot = sink_interpreter_ = interpreter_});
  return sink_.append(operation);
}

std::vector<Slot> ThreadFilter::idle() const {
  std::vector<Slot> idle;
  for (std::size_t thread = 0; thread < chosen_.size(); ++thread)
    if (chosen_[thread] && number_of_.count(static_cast<Slot>(thread)) == 0)
      idle.push_back(static_cast<Slot>(thread));
  return idle;
}

std::vector<std::string> ThreadFilter::losses() const {
  std::vector<std::string> sentences;
  const auto add = [&](std::uint64_t count, std::string_view what) {
    if (count != 0) sentences.push_back(fmt::format("{} {}", count, what));
  };
  add(left_out_, "events of other threads were left out");
  add(by_others_, "events of other threads stay: they resize or free a chosen thread's block");
  add(foreign_frees_, "frees of other threads' blocks became frees of unknown blocks");
  add(foreign_reallocs_, "reallocs of other threads' blocks became reallocs of unknown blocks");
  return sentences;
}

}  // namespace pymemlab
