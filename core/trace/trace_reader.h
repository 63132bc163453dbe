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
  // The final metadata if the file is whole, else what its head says.
  [[nodiscard]] const TraceMetadata& metadata() const noexcept;
  [[nodiscard]] bool has_addresses() const noexcept;

  // Replaces `batch` with the next chunk's events. False at the end. A damaged or cut-off tail ends
  // the stream after the last whole chunk, and damage() then says what was lost.
  [[nodiscard]] bool next(EventBatch& batch);
  // One sentence, or nothing if all that was written has been read.
  [[nodiscard]] const std::optional<std::string>& damage() const noexcept;

  // Known once next() has returned false.
  [[nodiscard]] const std::vector<std::string>& marks() const noexcept;
  // Slots ever used: every slot in the events is below it (or kNoSlot).
  [[nodiscard]] Slot slots() const noexcept;
  // XXH3-64 over the decoded events and side words, as 16 hex digits: equal traces have equal digests
  // however they were chunked or compressed. Addresses are left out.
  [[nodiscard]] std::string digest() const;

 private:
  class Impl;
  explicit TraceReader(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pymemlab
