#include "core/trace/trace_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/input_error.h"
#include "core/trace/address_column.h"
#include "core/trace/chunk_source.h"
#include "core/trace/event_decoder.h"
#include "core/trace/index_chunk.h"
#include "core/trace/key_chunk.h"
#include "core/trace/metadata_chunk.h"
#include "core/trace/site_column.h"
#include "core/trace/trace_digest.h"

namespace pymemlab {

class TraceReader::Impl {
 public:
  Impl(File file, TraceReaderOptions options);

  bool next(EventBatch& batch);
  [[nodiscard]] bool has_column(std::string_view name) const noexcept {
    return std::find(metadata.columns.begin(), metadata.columns.end(), name) !=
           metadata.columns.end();
  }

  ChunkSource source;
  TraceReaderOptions options;
  TraceMetadata metadata;
  std::optional<TraceIndex> index;
  std::vector<LiveBlock> initial_blocks;
  std::optional<std::string> damage;
  std::vector<std::string> marks;
  SiteTable sites;
  EventDecoder decoder;
  TraceDigest digest;

 private:
  void read_head();
  void find_index();
  void start_at(std::uint64_t event);
  bool read_batch(EventBatch& batch);
  void decode(const ChunkSource::Chunk& chunk, EventBatch& batch);
  void check_end(const ChunkSource::Chunk& chunk);
  void report_damage();
  std::string place_of(const ChunkSource::Chunk& chunk) const;

  ChunkReader chunk_;
  AddressColumn addresses_;
  EventBatch first_;
  bool has_first_ = false;
  bool ended_ = false;
  std::uint64_t first_event_ = 0;  // where reading started
};

TraceReader::Impl::Impl(File file, TraceReaderOptions wanted)
    : source(std::move(file)), options(wanted) {
  read_head();
  if (source.can_seek()) {
    const std::uint64_t behind_head = source.offset();
    find_index();
    source.seek(behind_head);
    if (index && options.start_at > 0) start_at(options.start_at);
  }
  has_first_ = read_batch(first_);
  if (!has_first_ && damage) throw InputError("{}; not one chunk of events is whole", *damage);
}

void TraceReader::Impl::read_head() {
  const std::optional<ChunkSource::Chunk> head = source.next();
  if (!head) throw InputError("{}: {}: nothing can be read", source.path(), source.fault());
  if (head->tag != kMetadataTag)
    throw InputError("{}: impossible coding: it does not start with its metadata", source.path());
  chunk_.open(head->payload, kMetadataColumns, place_of(*head));
  metadata = read_metadata(chunk_);
}

// A whole file says at its end what its head could not know. Without a trailer, or with an index
// that does not hold, the chunks are read one after the other all the same.
void TraceReader::Impl::find_index() {
  const std::optional<Trailer> found = source.find_trailer();
  if (!found) return;
  source.seek(found->index_offset);
  const std::optional<ChunkSource::Chunk> chunk = source.next();
  if (!chunk || chunk->tag != kIndexTag) return;
  chunk_.open(chunk->payload, kIndexColumns, place_of(*chunk));
  index = read_index(chunk_);
  const auto last = std::find_if(index->places.rbegin(), index->places.rend(),
                                 [](const ChunkPlace& p) { return p.tag == kMetadataTag; });
  if (last == index->places.rend()) return;
  source.seek(last->offset);
  const std::optional<ChunkSource::Chunk> final_metadata = source.next();
  if (!final_metadata || final_metadata->tag != kMetadataTag) return;
  chunk_.open(final_metadata->payload, kMetadataColumns, place_of(*final_metadata));
  metadata = read_metadata(chunk_);
}

void TraceReader::Impl::start_at(std::uint64_t event) {
  const auto key = std::find_if(
      index->places.rbegin(), index->places.rend(),
      [event](const ChunkPlace& p) { return p.tag == kKeyTag && p.first_event <= event; });
  if (key == index->places.rend()) return;
  const std::uint64_t behind_head = source.offset();
  source.seek(key->offset);
  const std::optional<ChunkSource::Chunk> chunk = source.next();
  if (!chunk || chunk->tag != kKeyTag) return source.seek(behind_head);
  chunk_.open(chunk->payload, kKeyColumns, place_of(*chunk));
  KeyState state = decode_key(chunk_);
  decoder.restore(state);
  if (options.addresses) addresses_.restore(state.blocks);
  first_event_ = state.next_event;
  marks = std::move(state.marks);
  sites = std::move(state.sites);
  initial_blocks = std::move(state.blocks);
}

bool TraceReader::Impl::next(EventBatch& batch) {
  if (!std::exchange(has_first_, false)) return read_batch(batch);
  std::swap(batch, first_);
  first_ = {};
  return true;
}

bool TraceReader::Impl::read_batch(EventBatch& batch) {
  while (!ended_) {
    const std::optional<ChunkSource::Chunk> chunk = source.next();
    if (!chunk) {
      report_damage();
      break;
    }
    if (chunk->tag == kEventsTag) {
      decode(*chunk, batch);
      return true;
    }
    if (chunk->tag == kMetadataTag) {
      chunk_.open(chunk->payload, kMetadataColumns, place_of(*chunk));
      metadata = read_metadata(chunk_);
    } else if (chunk->tag == kIndexTag) {
      check_end(*chunk);
      break;
    } else if (!is_optional_chunk(chunk->tag)) {
      throw InputError(
          "{}: is of a kind that this version (format {}.{}) does not know and that may not be "
          "skipped: read it with a newer pymemlab",
          place_of(*chunk), kFormatMajor, kFormatMinor);
    }
  }
  ended_ = true;
  return false;
}

void TraceReader::Impl::decode(const ChunkSource::Chunk& chunk, EventBatch& batch) {
  chunk_.open(chunk.payload, kEventsColumns, place_of(chunk));
  const EventsHead head = decoder.decode(chunk_, batch, marks, digest);
  if (options.addresses) addresses_.decode(chunk_, head, batch);
  if (!options.sites) return;
  read_site_table(chunk_, kEventsNewSites, sites);
  read_sites(chunk_, kEventsSites, sites, batch);
}

// The totals in the index are a check over all chunks.
void TraceReader::Impl::check_end(const ChunkSource::Chunk& chunk) {
  chunk_.open(chunk.payload, kIndexColumns, place_of(chunk));
  const TraceIndex end = read_index(chunk_);
  const bool whole = first_event_ == 0;
  if (end.events != decoder.next_event() || end.used != decoder.used() ||
      (whole && end.digest != digest.value()))
    throw InputError("{}: impossible coding: its totals are not those of the events before it",
                     chunk_.place());
  if (!source.at_trailer())
    damage = fmt::format("{}: its trailer is damaged; all {} events can be read", source.path(),
                         end.events);
}

void TraceReader::Impl::report_damage() {
  damage = fmt::format("{}: {}; read up to event {}", source.path(), source.fault(),
                       decoder.next_event());
  if (index && index->events > decoder.next_event()) {
    *damage += fmt::format(", {} events are lost", index->events - decoder.next_event());
  } else if (const std::optional<std::uint64_t> left = source.bytes_left(); left && *left > 0) {
    *damage += fmt::format(", the last {} bytes are lost", *left);
  }
}

std::string TraceReader::Impl::place_of(const ChunkSource::Chunk& chunk) const {
  return fmt::format("{}: the chunk at byte {}", source.path(), chunk.offset);
}

TraceReader TraceReader::open(const std::string& path, TraceReaderOptions options) {
  return TraceReader(std::make_unique<Impl>(File::open_to_read(path), options));
}

TraceReader::TraceReader(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
TraceReader::TraceReader(TraceReader&&) noexcept = default;
TraceReader& TraceReader::operator=(TraceReader&&) noexcept = default;
TraceReader::~TraceReader() = default;

const std::string& TraceReader::path() const noexcept { return impl_->source.path(); }
const TraceMetadata& TraceReader::metadata() const noexcept { return impl_->metadata; }
bool TraceReader::has_addresses() const noexcept { return impl_->has_column("address"); }
bool TraceReader::has_sites() const noexcept { return impl_->has_column("site"); }
std::optional<std::uint64_t> TraceReader::total_events() const noexcept {
  if (!impl_->index) return std::nullopt;
  return impl_->index->events;
}
const std::vector<LiveBlock>& TraceReader::initial_blocks() const noexcept {
  return impl_->initial_blocks;
}
bool TraceReader::next(EventBatch& batch) { return impl_->next(batch); }
const std::optional<std::string>& TraceReader::damage() const noexcept { return impl_->damage; }
const std::vector<std::string>& TraceReader::marks() const noexcept { return impl_->marks; }
const SiteTable& TraceReader::sites() const noexcept { return impl_->sites; }
Slot TraceReader::slots() const noexcept { return impl_->decoder.used(); }
std::string TraceReader::digest() const { return impl_->digest.text(); }

}  // namespace pymemlab
