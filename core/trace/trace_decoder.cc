#include "core/trace/trace_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/input_error.h"
#include "core/trace/key_chunk.h"
#include "core/trace/metadata_chunk.h"
#include "core/trace/site_column.h"

namespace pymemlab {

TraceDecoder::TraceDecoder(File file, const TraceReaderOptions& options)
    : source_(std::move(file)), options_(options) {
  read_head();
  if (!source_.can_seek()) return;
  const std::uint64_t behind_head = source_.offset();
  find_index();
  source_.seek(behind_head);
  if (index_ && options_.start_at > 0) start_at(options_.start_at);
}

void TraceDecoder::read_head() {
  const std::optional<ChunkSource::Chunk> head = source_.next();
  if (!head) throw InputError("{}: {}: nothing can be read", source_.path(), source_.fault());
  if (head->tag != kMetadataTag)
    throw InputError("{}: impossible coding: it does not start with its metadata", source_.path());
  chunk_.open(head->payload, kMetadataColumns, place_of(*head));
  start_.metadata = read_metadata(chunk_);
}

// A whole file says at its end what its head could not know. Without a trailer, or with an index
// that does not hold, the chunks are read one after the other all the same.
void TraceDecoder::find_index() {
  const std::optional<Trailer> found = source_.find_trailer();
  if (!found) return;
  source_.seek(found->index_offset);
  const std::optional<ChunkSource::Chunk> chunk = source_.next();
  if (!chunk || chunk->tag != kIndexTag) return;
  chunk_.open(chunk->payload, kIndexColumns, place_of(*chunk));
  index_ = read_index(chunk_);
  const auto last = std::find_if(index_->places.rbegin(), index_->places.rend(),
                                 [](const ChunkPlace& p) { return p.tag == kMetadataTag; });
  if (last == index_->places.rend()) return;
  source_.seek(last->offset);
  const std::optional<ChunkSource::Chunk> final_metadata = source_.next();
  if (!final_metadata || final_metadata->tag != kMetadataTag) return;
  chunk_.open(final_metadata->payload, kMetadataColumns, place_of(*final_metadata));
  start_.metadata = read_metadata(chunk_);
}

void TraceDecoder::start_at(std::uint64_t event) {
  const auto key = std::find_if(
      index_->places.rbegin(), index_->places.rend(),
      [event](const ChunkPlace& p) { return p.tag == kKeyTag && p.first_event <= event; });
  if (key == index_->places.rend()) return;
  const std::uint64_t behind_head = source_.offset();
  source_.seek(key->offset);
  const std::optional<ChunkSource::Chunk> chunk = source_.next();
  if (!chunk || chunk->tag != kKeyTag) return source_.seek(behind_head);
  chunk_.open(chunk->payload, kKeyColumns, place_of(*chunk));
  KeyState state = decode_key(chunk_);
  events_.restore(state);
  if (options_.addresses) addresses_.restore(state.blocks);
  first_event_ = state.next_event;
  sites_ = static_cast<SiteNumber>(state.sites.size());
  start_.marks = std::move(state.marks);
  start_.sites = std::move(state.sites);
  start_.blocks = std::move(state.blocks);
}

TraceStart TraceDecoder::take_start() noexcept { return std::move(start_); }

bool TraceDecoder::next(DecodedChunk& chunk) {
  chunk.metadata.reset();
  while (!ended_) {
    const std::optional<ChunkSource::Chunk> from = source_.next();
    if (!from) {
      report_damage();
      break;
    }
    if (from->tag == kEventsTag) {
      decode(*from, chunk);
      return true;
    }
    if (from->tag == kMetadataTag) {
      chunk_.open(from->payload, kMetadataColumns, place_of(*from));
      chunk.metadata = read_metadata(chunk_);
    } else if (from->tag == kIndexTag) {
      check_end(*from);
      break;
    } else if (!is_optional_chunk(from->tag)) {
      throw InputError(
          "{}: is of a kind that this version (format {}.{}) does not know and that may not be "
          "skipped: read it with a newer pymemlab",
          place_of(*from), kFormatMajor, kFormatMinor);
    }
  }
  ended_ = true;
  return false;
}

void TraceDecoder::decode(const ChunkSource::Chunk& from, DecodedChunk& chunk) {
  chunk_.open(from.payload, kEventsColumns, place_of(from));
  const EventsHead head = events_.decode(chunk_, chunk.batch, chunk.marks, digest_);
  if (options_.addresses) addresses_.decode(chunk_, head, chunk.batch);
  if (options_.sites) {
    chunk.sites = read_site_table(chunk_, kEventsNewSites, sites_);
    sites_ += static_cast<SiteNumber>(chunk.sites.size());
    read_sites(chunk_, kEventsSites, sites_, chunk.batch);
  }
  chunk.slots = events_.used();
  chunk.digest = digest_.value();
}

// The totals in the index are a check over all chunks.
void TraceDecoder::check_end(const ChunkSource::Chunk& chunk) {
  chunk_.open(chunk.payload, kIndexColumns, place_of(chunk));
  const TraceIndex end = read_index(chunk_);
  const bool whole = first_event_ == 0;
  if (end.events != events_.next_event() || end.used != events_.used() ||
      (whole && end.digest != digest_.value()))
    throw InputError("{}: impossible coding: its totals are not those of the events before it",
                     chunk_.place());
  if (!source_.at_trailer())
    damage_ = fmt::format("{}: its trailer is damaged; all {} events can be read", source_.path(),
                          end.events);
}

void TraceDecoder::report_damage() {
  damage_ = fmt::format("{}: {}; read up to event {}", source_.path(), source_.fault(),
                        events_.next_event());
  if (index_ && index_->events > events_.next_event()) {
    *damage_ += fmt::format(", {} events are lost", index_->events - events_.next_event());
  } else if (const std::optional<std::uint64_t> left = source_.bytes_left(); left && *left > 0) {
    *damage_ += fmt::format(", the last {} bytes are lost", *left);
  }
}

std::string TraceDecoder::place_of(const ChunkSource::Chunk& chunk) const {
  return fmt::format("{}: the chunk at byte {}", source_.path(), chunk.offset);
}

}  // namespace pymemlab
