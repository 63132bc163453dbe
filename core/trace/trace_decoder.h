// The half of a reader that reads: the chunks of one file, decoded one after the other. It shares
// nothing with the half that shows them, so that it may run ahead of that in a thread of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/os/file.h"
#include "core/trace/address_column.h"
#include "core/trace/chunk_source.h"
#include "core/trace/event_decoder.h"
#include "core/trace/index_chunk.h"
#include "core/trace/trace_digest.h"
#include "core/trace/trace_reader.h"

namespace pymemlab {

// What is known before the first event that is read.
struct TraceStart {
  TraceMetadata metadata;
  std::vector<LiveBlock> blocks;   // live there, in the order of their allocation
  std::vector<std::string> marks;  // texts so far
  SiteTable sites;                 // so far
};

// A chunk of events, and what else is known with it.
struct DecodedChunk {
  EventBatch batch;
  std::vector<std::string> marks;         // texts new in it
  SiteTable sites;                        // new in it
  Slot slots = 0;                         // ever used so far
  std::uint64_t digest = 0;               // of the events so far
  std::optional<TraceMetadata> metadata;  // if the file went on to say more
};

class TraceDecoder {
 public:
  // Reads up to the first event wanted. Throws InputError.
  TraceDecoder(File file, const TraceReaderOptions& options);

  // Once.
  [[nodiscard]] TraceStart take_start() noexcept;
  // Replaces all of `chunk`. False at the end: it has no events then. Throws InputError; the
  // decoder is of no further use then.
  [[nodiscard]] bool next(DecodedChunk& chunk);
  // After next() returned false: one sentence if not all that was written has been read.
  [[nodiscard]] const std::optional<std::string>& damage() const noexcept { return damage_; }

  [[nodiscard]] const std::string& path() const noexcept { return source_.path(); }
  // In a whole file that can be positioned.
  [[nodiscard]] std::optional<std::uint64_t> total_events() const noexcept {
    if (!index_) return std::nullopt;
    return index_->events;
  }
  [[nodiscard]] bool can_seek() const noexcept { return source_.can_seek(); }
  // Ever used in the events so far. Not while next() runs.
  [[nodiscard]] Slot slots() const noexcept { return events_.used(); }

 private:
  void read_head();
  void find_index();
  void start_at(std::uint64_t event);
  void decode(const ChunkSource::Chunk& from, DecodedChunk& chunk);
  void check_end(const ChunkSource::Chunk& chunk);
  void report_damage();
  std::string place_of(const ChunkSource::Chunk& chunk) const;

  ChunkSource source_;
  TraceReaderOptions options_;
  TraceStart start_;
  std::optional<TraceIndex> index_;  // of a whole file that can be positioned
  std::uint64_t first_event_ = 0;    // where reading started
  SiteNumber sites_ = 0;             // so far
  ChunkReader chunk_;
  EventDecoder events_;
  AddressColumn addresses_;
  TraceDigest digest_;
  bool ended_ = false;
  std::optional<std::string> damage_;
};

}  // namespace pymemlab
