// A part of a trace that can be replayed by itself: the events from one number up to another, after
// a prologue that asks for what is live there.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/trace/edits/live_set.h"
#include "core/trace/edits/slot_map.h"

namespace pymemlab {

struct EventRange {
  std::uint64_t from = 0;
  std::uint64_t to = std::numeric_limits<std::uint64_t>::max();  // the first that is left out
};

// Takes a trace's events in order, and hands on the slice.
class Slicer {
 public:
  Slicer(EventRange range, EventSink& sink) noexcept : range_(range), sink_(sink) {}

  // Whether the slice wants more events.
  [[nodiscard]] bool wants_more() const noexcept { return next_ < range_.to; }
  // `mark`: its text, if it is one. REQUIRES: wants_more().
  void take(const Operation& operation, std::string_view mark);
  // The source has ended, or the slice has.
  void finish();

  // Known once finished.
  [[nodiscard]] std::uint64_t prologue_events() const noexcept { return prologue_events_; }
  [[nodiscard]] std::uint64_t end() const noexcept { return next_; }
  [[nodiscard]] std::vector<std::string> losses() const;

 private:
  void begin();
  void hand_on(const Operation& operation);
  void of_dead_block(const Operation& operation);

  EventRange range_;
  EventSink& sink_;
  LiveSet live_;
  SlotMap slots_;
  SlotMap arenas_;
  std::uint64_t next_ = 0;
  bool begun_ = false;
  std::uint64_t prologue_events_ = 0;
  std::uint64_t dead_frees_ = 0;
  std::uint64_t dead_reallocs_ = 0;
};

}  // namespace pymemlab
