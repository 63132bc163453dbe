// Turns the ring's records into a trace's events: addresses become slots, a realloc's begin and end
// become one event, thread and interpreter numbers become switches.
//
// Top-level and nested requests are kept apart: a request of more than 512 bytes to obj is served
// by a nested one to raw, with the same address. A block that is not found in its own layer is
// looked for in the other (tracemalloc frees deeper what it allocated at the top).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/record/address_slots.h"
#include "core/record/agent/ring.h"
#include "core/record/trace_output.h"
#include "core/trace/checkpoint.h"

namespace pymemlab {

class Assembler {
 public:
  // The ring's numbers to the trace's, which are dense in order of appearance. Both begin with 0.
  struct Numbering {
    std::uint32_t current = 0;  // the ring's
    std::vector<Slot> numbers = {0};
    Slot given = 1;
    Slot of(std::uint32_t number);
  };
  // What the stream has shown of the allocator.
  struct Shown {
    std::uint64_t arena_bytes = 0;
    std::uint64_t small_blocks = 0;  // since the first arena
    bool half_aligned = false;
  };
  // The ring's numbers of sites to the trace's. The ring tells instructions apart, of which a line
  // may have several.
  struct SiteNumbering {
    std::vector<SiteNumber> numbers = {kNoSite};
    std::unordered_map<std::string, SiteNumber> told;  // by all that a site says
  };
  // Where the process forked: a child's stream goes on from here.
  struct ForkPoint {
    std::uint64_t events = 0;  // of the trace, up to here
    Numbering threads;         // the ring's 0 is the thread that forked, as it is in the child's
    Numbering interpreters;
    SiteNumbering sites;
    Shown shown;
  };

  // `output` must outlive this object.
  explicit Assembler(TraceOutput& output) : writer_(output) {}

  // `handler` is called at every fork, with its number in the ring.
  void at_forks(std::function<void(std::uint32_t fork, const ForkPoint&)> handler) {
    at_fork_ = std::move(handler);
  }
  // Goes on where another one was, whose events the writer has been given. What is live there is
  // then told block by block.
  void start_from(const ForkPoint& point);
  void adopt_block(bool nested, std::uint64_t address, Slot slot) {
    layers_[nested].put(address, slot);
  }
  void adopt_arena(std::uint64_t base, Slot ordinal) { arenas_[base] = ordinal; }
  void adopt_arena_requests(Slot requests) noexcept { arena_requests_ = requests; }

  // Throws InputError when the trace cannot be written.
  void take(std::span<const ring::Record> records);

  // Requests are missing here. What had been begun will not be seen to end, and a block whose
  // address is handed out again was freed meanwhile: its free is put into the trace just before.
  void take_gap() noexcept;
  // Where a child that `record` tells of goes on from, if the trace ends here.
  [[nodiscard]] ForkPoint fork_point(const ring::Record& record);

  // Whether an event has begun that has not ended.
  [[nodiscard]] bool is_within_event() const noexcept {
    return !open_.empty() || wide_missing_ != 0;
  }

  // Blocks handed out at an address whose former block was never seen to be freed.
  [[nodiscard]] std::uint64_t missed_frees() const noexcept { return missed_frees_; }
  // Frees and reallocs of blocks never seen.
  [[nodiscard]] std::uint64_t unknown_blocks() const noexcept { return unknown_blocks_; }

  // What the stream shows of the allocator; 0 if it does not.
  [[nodiscard]] std::uint64_t alignment() const noexcept;
  [[nodiscard]] std::uint64_t arena_bytes() const noexcept { return shown_.arena_bytes; }

 private:
  // A record taken apart.
  struct Call {
    ring::Kind kind;
    Domain domain;
    bool nested;
    std::uint32_t thread;
    std::uint32_t interpreter;
    std::uint64_t count;
    std::uint64_t size;
    std::uint64_t address;
  };
  // A realloc that has been entered.
  struct OpenRealloc {
    Call call;
    Slot slot;
    bool announced;  // its realloc_begin is in the trace
  };

  static Call decode(const ring::Record& record) noexcept;
  // Values that follow the call's record.
  static std::size_t values_after(const Call& call) noexcept;
  void take_value(std::uint64_t value);
  void take_one(const Call& call);
  void switch_to(const Call& call);
  void announce_others(std::uint32_t thread);

  void allocate(const Call& call, EventKind kind);
  void release(const Call& call);
  void begin_realloc(const Call& call);
  void end_realloc(const Call& call);
  void take_statistics(const Call& call);
  void take_fork(const Call& call);
  void take_site(const Call& call);
  void take_new_site(const Call& call);
  [[nodiscard]] SiteNumber site_of(const Call& call) const noexcept {
    return call.thread < places_.size() ? places_[call.thread] : kNoSite;
  }
  void take_arena(const Call& call);
  void release_arena(const Call& call);

  ForkPoint fork_point(const Call& call);
  void close_former(const Call& call);
  Slot take_slot(const Call& call);
  void put_slot(const Call& call, Slot slot);
  void observe(const Call& call) noexcept;

  TraceOutput& writer_;
  std::array<AddressSlots, 2> layers_;  // [nested]
  std::vector<OpenRealloc> open_;       // of all threads, oldest first
  std::size_t unannounced_ = 0;
  std::unordered_map<std::uint64_t, Slot> arenas_;  // by base: the ordinal of the request
  Slot arena_requests_ = 0;

  Numbering threads_;
  Numbering interpreters_;

  SiteNumbering sites_;
  std::vector<SiteNumber> places_;  // where each of the ring's threads is

  Call wide_ = {};  // the event whose values the next records hold
  std::size_t wide_missing_ = 0;
  std::vector<std::uint64_t> wide_values_;

  bool has_gaps_ = false;
  std::uint64_t missed_frees_ = 0;
  std::uint64_t unknown_blocks_ = 0;
  Shown shown_;
  std::function<void(std::uint32_t, const ForkPoint&)> at_fork_;
};

}  // namespace pymemlab
