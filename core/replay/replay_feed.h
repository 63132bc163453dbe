// Turns a trace into windows of replay events: drops what is a consequence, a failure or undefined,
// and counts it, so that the loop can trust every event.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/replay/replay_event.h"
#include "core/trace/event.h"
#include "core/trace/trace_reader.h"

namespace pymemlab {

// What a replay of the trace leaves out, and why.
struct ReplayCounts {
  std::uint64_t issued = 0;            // events that a replay performs
  std::uint64_t nested = 0;            // an allocator's own requests
  std::uint64_t failed = 0;            // requests that the real allocator refused
  std::uint64_t dead_or_unknown = 0;   // frees and reallocs that name no live block: undefined
  std::uint64_t wrong_domain = 0;      // issued in the domain that allocated the block instead
  std::uint64_t unknown_reallocs = 0;  // issued as new blocks

  friend bool operator==(const ReplayCounts&, const ReplayCounts&) = default;
};

// An arena that the recorded process asked for.
struct RecordedArena {
  std::uint64_t base;
  std::uint64_t bytes;
};

// Facts about the whole stream, known once a feed has reached its end.
struct ReplayPlan {
  std::uint64_t events = 0;  // in the trace
  ReplayCounts counts;
  Slot slots = 0;                 // live[] needs this many
  std::uint64_t clock_bytes = 0;  // the allocation clock at the end (see clock_advance)
  std::uint64_t peak_live_bytes = 0;
  std::uint64_t peak_live_blocks = 0;
  std::uint64_t peak_live_event =
      0;  // number of the issued event after which the peak was reached first
  std::optional<std::uint64_t> teardown_event;  // issued events before the mark "teardown"
  std::vector<RecordedArena> arenas;            // in order of request, refused ones left out
};

// How far a request moves the allocation clock: by the bytes a new block has, or a realloc adds.
constexpr std::uint64_t clock_advance(std::uint64_t old_bytes, std::uint64_t new_bytes) noexcept {
  return new_bytes > old_bytes ? new_bytes - old_bytes : 0;
}

// Decides, operation by operation, what a replay issues.
class ReplayTranslator {
 public:
  // The event to issue, whose side words are then in wide(); nothing if it is left out.
  [[nodiscard]] std::optional<ReplayEvent> translate(const Operation& operation);
  [[nodiscard]] std::span<const std::uint64_t> wide() const noexcept { return wide_; }

  // `marks`: the trace's mark texts, which are known only at its end.
  void finish(std::span<const std::string> marks);
  // Frees of the blocks that are live now, from slot `from` on, as many as fit; `from` moves on.
  [[nodiscard]] std::size_t frees_of_live(std::span<ReplayEvent> events, Slot& from) const;
  // Everything but the teardown mark is up to date at any time.
  [[nodiscard]] const ReplayPlan& plan() const noexcept { return plan_; }

 private:
  struct Block {
    std::uint64_t bytes = 0;
    bool live = false;
    Domain domain = Domain::raw;
  };
  [[nodiscard]] std::optional<ReplayEvent> new_block(const Operation& operation);
  [[nodiscard]] std::optional<ReplayEvent> known_block(const Operation& operation);
  void note(const Operation& operation);
  void advance(std::uint64_t old_bytes, std::uint64_t new_bytes);
  // The event with its size inline, or in a side word if it is too large.
  [[nodiscard]] ReplayEvent sized(ReplayKind narrow, ReplayKind wide, Domain domain,
                                  std::uint64_t size, Slot slot);
  Block& block(Slot slot);

  std::vector<Block> blocks_;
  std::vector<std::uint64_t> wide_;
  std::map<Slot, std::uint64_t> first_mark_;  // by text number: issued events before it
  std::uint64_t live_bytes_ = 0;
  std::uint64_t live_blocks_ = 0;
  ReplayPlan plan_;
};

// A trace as windows of replay events.
class ReplayFeed {
 public:
  explicit ReplayFeed(TraceReader reader);
  ReplayFeed(const ReplayFeed&) = delete;
  ReplayFeed& operator=(const ReplayFeed&) = delete;

  struct Filled {
    std::size_t events = 0;
    std::size_t wide = 0;
  };
  // Fills at most events.size() events and their side words. Nothing left: {0, 0}.
  // REQUIRES: wide.size() >= 2.
  [[nodiscard]] Filled fill(std::span<ReplayEvent> events, std::span<std::uint64_t> wide);

  // Fills frees of what the trace leaves live. Nothing left: 0.
  // REQUIRES: fill() has returned {0, 0}.
  [[nodiscard]] std::size_t fill_clean_up(std::span<ReplayEvent> events) {
    return translator_.frees_of_live(events, next_to_free_);
  }

  [[nodiscard]] const TraceReader& reader() const noexcept { return reader_; }
  // REQUIRES: fill() has returned {0, 0}.
  [[nodiscard]] const ReplayPlan& plan() const noexcept { return translator_.plan(); }

 private:
  TraceReader reader_;
  EventBatch batch_;
  std::optional<OperationCursor> cursor_;
  ReplayTranslator translator_;
  std::optional<ReplayEvent> pending_;
  Slot next_to_free_ = 0;
};

}  // namespace pymemlab
