// What some of a trace's threads did. A block belongs to the thread that allocated it, and its
// story is told to its end: what other threads do to it stays, as theirs. What the chosen threads
// do to other threads' blocks stays too, as done to blocks that the trace has not seen.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/trace/edits/event_sink.h"
#include "core/trace/edits/slot_map.h"
#include "core/trace/slot_table.h"

namespace pymemlab {

class ThreadFilter final : public EventSink {
 public:
  // `chosen`: numbers of the source's threads. REQUIRES: all are below kMaxContexts.
  ThreadFilter(const std::vector<Slot>& chosen, EventSink& sink);

  Slot append(const Operation& operation) override;
  void mark(std::string_view text) override { sink_.mark(text); }

  // The source's number of each thread here: numbers()[0] is thread 0's.
  [[nodiscard]] const std::vector<Slot>& numbers() const noexcept { return numbers_; }
  // Those chosen that did nothing.
  [[nodiscard]] std::vector<Slot> idle() const;
  [[nodiscard]] std::vector<std::string> losses() const;

 private:
  void allocate(const Operation& operation, Slot slot);
  void change(const Operation& operation);
  void change_foreign(const Operation& operation);
  void change_arenas(const Operation& operation, Slot ordinal);
  Slot hand_on(const Operation& operation);
  [[nodiscard]] bool is_chosen() const noexcept {
    return thread_ < chosen_.size() && chosen_[thread_];
  }

  EventSink& sink_;
  std::vector<bool> chosen_;  // by the source's number
  std::vector<Slot> numbers_;
  std::unordered_map<Slot, Slot> number_of_;  // by the source's number
  Slot thread_ = 0;                           // in the source
  Slot interpreter_ = 0;                      // in the source
  Slot sink_thread_ = 0;
  Slot sink_interpreter_ = 0;

  SlotTable table_;                       // the slots that this sink hands out
  std::vector<std::uint64_t> addresses_;  // by these slots: where each block is, or was
  Slot arena_count_ = 0;
  SlotMap slots_;
  SlotMap arenas_;

  std::uint64_t left_out_ = 0;
  std::uint64_t by_others_ = 0;
  std::uint64_t foreign_frees_ = 0;
  std::uint64_t foreign_reallocs_ = 0;
};

}  // namespace pymemlab
