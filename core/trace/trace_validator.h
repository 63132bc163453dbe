// Holds what a reader hands out against an account of its own: a list of free slots, a table of
// blocks. Beside checksums and coding, which the reader itself is strict about, this finds what was
// coded well and is wrong all the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/trace/event.h"
#include "core/trace/trace_reader.h"

namespace pymemlab {

class TraceValidator {
 public:
  // Of the trace at `path` that this is a reader of, which reads from event 0 with
  // every column. Key chunks are
  // looked for unless it is "-", or not whole.
  TraceValidator(const TraceReader& trace, const std::string& path);

  // The trace's next batch. Throws InputError, with the event's number, at the first disagreement.
  void check(const EventBatch& batch);
  // What was checked, as a clause.
  [[nodiscard]] std::string text() const;

 private:
  struct Block {
    std::uint64_t birth = 0;
    std::uint64_t bytes = 0;
    std::uint64_t address = 0;
    SiteNumber site = kNoSite;
    Domain domain = Domain::raw;
    bool alive = false;
  };

  [[nodiscard]] std::string_view columns() const noexcept;
  void find_keys();
  void check_key(const EventBatch& batch);
  void apply(const Operation& operation, std::uint64_t number);
  void allocate(const Operation& operation, std::uint64_t number);
  [[nodiscard]] std::vector<LiveBlock> live_blocks() const;

  std::string path_;
  bool addresses_;
  bool sites_;
  bool can_seek_;
  std::uint64_t total_events_ = 0;
  std::vector<std::uint64_t> keys_;  // events before which key chunks stand, the last first
  std::uint64_t keys_checked_ = 0;
  std::vector<Block> blocks_;     // by slot: all that were ever used
  std::vector<Slot> free_slots_;  // the newest freed last
  std::uint64_t allocations_ = 0;
  std::uint64_t events_ = 0;
};

}  // namespace pymemlab
