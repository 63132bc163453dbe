// Reads a trace file of format version 1 as a stream of event batches. Memory is bounded by the
// live set and one chunk, whatever the length. Everything is checked here, so that nothing later
// needs to: what next() returns obeys the rules of docs/trace-format.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/trace/event.h"
#include "core/trace/metadata.h"

namespace pymemlab {

struct TraceReaderOptions {
  bool addresses = false;  // decode the address column (if the trace has one)
  bool sites = false;      // decode the site columns (if the trace has them)
  // Start at the last key chunk that stands at or before this event, which needs a whole file that
  // can be positioned; otherwise, and if there is none, reading starts at event 0.
  std::uint64_t start_at = 0;
  // Decode the next chunk in a thread of its own while the caller works on the last; standard input
  // is read only as it is asked for. Not where anything is measured in the same process: beside the
  // processor's other core it takes, the C library's malloc locks from the first thread on.
  bool ahead = false;
};

// A block that is live between two events.
struct LiveBlock {
  Slot slot = 0;
  Domain domain = Domain::raw;  // that gave the block
  std::uint64_t bytes = 0;      // requested last
  std::uint64_t address = 0;    // 0: not recorded
  SiteNumber site = kNoSite;    // where it was asked for last
  friend bool operator==(const LiveBlock&, const LiveBlock&) = default;
};

class TraceReader {
 public:
  // `path` "-" is standard input. Throws InputError, saying the place and the fault, for anything
  // that is not a trace of a version we read, and when not one chunk is whole.
  static TraceReader open(const std::string& path, TraceReaderOptions options = {});
  TraceReader(TraceReader&&) noexcept;
  TraceReader& operator=(TraceReader&&) noexcept;
  ~TraceReader();

  [[nodiscard]] const std::string& path() const noexcept;
  // The final metadata if the file is whole, else what its head says. From a pipe, the final
  // metadata are known once next() has returned false.
  [[nodiscard]] const TraceMetadata& metadata() const noexcept;
  [[nodiscard]] bool has_addresses() const noexcept;
  [[nodiscard]] bool has_sites() const noexcept;
  // Events in the file, if it is whole and not a pipe.
  [[nodiscard]] std::optional<std::uint64_t> total_events() const noexcept;
  // The blocks that are live where reading starts, in the order of their allocation: none at event
  // 0.
  [[nodiscard]] const std::vector<LiveBlock>& initial_blocks() const noexcept;

  // Replaces `batch` with the next chunk's events. False at the end. A damaged or cut-off tail ends
  // the stream after the last whole chunk, and damage() then says what was lost. Throws InputError
  // for a whole chunk that cannot be: no writer of ours makes one.
  [[nodiscard]] bool next(EventBatch& batch);
  // One sentence, or nothing if all that was written has been read.
  [[nodiscard]] const std::optional<std::string>& damage() const noexcept;

  // The texts of the marks in the events so far, by the number in Event::slot.
  [[nodiscard]] const std::vector<std::string>& marks() const noexcept;
  // The sites in the events so far, if they were asked for.
  [[nodiscard]] const SiteTable& sites() const noexcept;
  // Slots ever used: every slot in the events so far is below it (or kNoSlot).
  [[nodiscard]] Slot slots() const noexcept;
  // XXH3-64 over the decoded events and side words, as 16 hex digits: equal traces have equal
  // digests however they were chunked or compressed. Addresses are left out. Of the events so far.
  [[nodiscard]] std::string digest() const;

 private:
  class Impl;
  explicit TraceReader(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pymemlab
