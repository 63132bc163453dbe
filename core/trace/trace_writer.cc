#include "core/trace/trace_writer.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/input_error.h"
#include "core/os/file.h"
#include "core/trace/address_model.h"
#include "core/trace/chunk.h"
#include "core/trace/event_encoder.h"
#include "core/trace/index_chunk.h"
#include "core/trace/key_chunk.h"
#include "core/trace/metadata_chunk.h"
#include "core/trace/site_column.h"
#include "core/trace/slot_table.h"
#include "core/trace/trace_digest.h"
#include "core/trace/varint.h"

namespace pymemlab {

class TraceWriter::Impl {
 public:
  Impl(File file, TraceMetadata metadata, TraceWriterOptions options);

  Slot append(const Operation& operation);
  void mark(std::string_view text);
  SiteNumber add_site(const Site& site);
  [[nodiscard]] SiteNumber sites() const noexcept { return sites_; }
  TraceMetadata& metadata() noexcept { return metadata_; }
  [[nodiscard]] std::uint64_t events() const noexcept { return first_event_ + encoder_.size(); }
  [[nodiscard]] Domain domain_of(Slot slot) const noexcept { return blocks_[slot].domain; }
  [[nodiscard]] Slot slots() const noexcept { return slots_.used(); }
  [[gnu::noinline]] void flush_chunk();  // not in append's one piece
  void finish();

 private:
  // What a key chunk needs to know of a slot's block, and what dates it for its age.
  struct Block {
    std::uint64_t birth = 0;  // number of its allocation, from 0
    std::uint64_t bytes = 0;
    Domain domain = Domain::raw;
    SiteNumber site = kNoSite;
  };

  Slot take_slot(const Operation& operation);
  Name name_block(Slot slot) noexcept;
  Name name_slot(NameForm form, Slot slot) noexcept;
  Name name_and_apply(const Operation& operation);
  std::uint32_t add_size(const Operation& operation);
  void add_words(const Operation& operation);
  void add_address(const Operation& operation, Slot slot);
  void keep_site(const Operation& operation, Slot slot);
  void add_event(const Operation& operation, std::uint32_t size, Slot slot, Name name);
  void write_metadata();
  void write_key();
  void write_chunk(std::uint32_t tag);

  File file_;
  TraceMetadata metadata_;
  TraceWriterOptions options_;
  ChunkBuilder builder_;
  EventEncoder encoder_;
  TraceDigest digest_;
  SlotTable slots_;
  AddressModel addresses_;
  Bytes address_tokens_;
  Bytes address_words_;
  std::vector<SiteNumber> chunk_sites_;
  Bytes new_sites_;
  SiteTable site_table_;  // all, for key chunks
  SiteNumber sites_ = 0;
  std::vector<Block> blocks_;  // by slot
  std::vector<std::string> marks_;
  std::unordered_map<std::string, std::uint32_t> mark_numbers_;
  std::vector<ChunkPlace> places_;
  std::uint64_t offset_ = 0;
  std::uint64_t first_event_ = 0;  // of the chunk under construction
  std::uint64_t chunk_allocations_ = 0;
  std::uint64_t last_birth_ = ~std::uint64_t{0};  // of the block named otherwise
  Slot last_slot_ = 0;                            // that went by its number in the chunk
  std::uint32_t chunk_flags_ = kAddressesAfresh;
  std::uint32_t chunks_since_key_ = 0;
  std::uint64_t bytes_since_key_ = 0;
  std::uint64_t key_bytes_ = 0;  // the last key chunk's size
  std::uint32_t arenas_ = 0;
  std::uint32_t thread_ = 0;
  std::uint32_t interpreter_ = 0;
  bool finished_ = false;
};

TraceWriter::Impl::Impl(File file, TraceMetadata metadata, TraceWriterOptions options)
    : file_(std::move(file)),
      metadata_(std::move(metadata)),
      options_(options),
      builder_(options.compression_level) {
  options_.chunk_events = std::clamp(options_.chunk_events, 1u, kMaxChunkEvents);
  options_.key_chunks = std::max(options_.key_chunks, 1u);
  slots_.make_room(options_.chunk_events);
  std::erase(metadata_.columns, "address");
  std::erase(metadata_.columns, "site");
  if (options_.addresses) metadata_.columns.emplace_back("address");
  if (options_.sites) metadata_.columns.emplace_back("site");
  const Bytes header = file_header();
  file_.write(std::as_bytes(std::span(header)));
  offset_ = header.size();
  write_metadata();
}

// Compiled in one piece with all that it calls here, as it runs for every event.
[[gnu::flatten]] Slot TraceWriter::Impl::append(const Operation& operation) {
  PYMEMLAB_CHECK(!finished_);
  Slot slot = operation.slot;
  Name name;
  if (takes_new_slot(operation.kind)) {
    slot = operation.failed ? kNoSlot : take_slot(operation);
  } else {
    name = name_and_apply(operation);
    if (operation.kind == EventKind::arena_alloc) slot = arenas_ - 1;
    if (operation.kind == EventKind::free_unknown) slot = kNoSlot;
  }
  const std::uint32_t size = add_size(operation);
  add_words(operation);
  add_event(operation, size, slot, name);
  if (options_.addresses) add_address(operation, slot);
  if (options_.sites) keep_site(operation, slot);
  if (encoder_.size() == options_.chunk_events) flush_chunk();
  return slot;
}

Slot TraceWriter::Impl::take_slot(const Operation& operation) {
  if (slots_.live() == kMaxLiveBlocks)
    throw InputError("{}: more than {} blocks are live, which is the most that a trace can hold",
                     file_.path(), kMaxLiveBlocks);
  const Slot slot = slots_.allocate();
  if (slot >= blocks_.size()) blocks_.resize(std::max<std::size_t>(slot + 1, 2 * blocks_.size()));
  blocks_[slot] = {slots_.allocations() - 1, operation.bytes(), operation.domain, operation.site};
  return slot;
}

// Whichever of age and difference is the smaller number; the slot if it is dead, or when the ring
// has forgotten it.
Name TraceWriter::Impl::name_block(Slot slot) noexcept {
  PYMEMLAB_CHECK(slot < slots_.used());
  if (!slots_.alive(slot)) return name_slot(NameForm::dead, slot);
  const std::uint64_t birth = blocks_[slot].birth;
  const std::uint64_t age = slots_.allocations() - birth;
  const std::uint64_t difference = zigzag(birth - last_birth_);
  if (age > kMaxAge) return name_slot(NameForm::slot, slot);
  last_birth_ = birth;
  if (age <= difference) return {NameForm::age, static_cast<std::uint32_t>(age)};
  return {NameForm::difference, static_cast<std::uint32_t>(difference)};
}

Name TraceWriter::Impl::name_slot(NameForm form, Slot slot) noexcept {
  const std::uint64_t difference = std::uint64_t{slot} - std::exchange(last_slot_, slot);
  return {form, static_cast<std::uint32_t>(zigzag(difference))};
}

Name TraceWriter::Impl::name_and_apply(const Operation& operation) {
  const Slot slot = operation.slot;
  switch (operation.kind) {
    case EventKind::realloc: {
      const Name name = name_block(slot);
      if (!operation.failed) {
        blocks_[slot].bytes = operation.bytes();
        blocks_[slot].domain = operation.domain;
      }
      return name;
    }
    case EventKind::realloc_begin: return name_block(slot);
    case EventKind::free: {
      if (slot == kNoSlot) return {};
      const Name name = name_block(slot);
      if (slots_.release(slot) && options_.addresses) addresses_.freed(slot);
      return name;
    }
    case EventKind::arena_alloc: ++arenas_; return {};
    case EventKind::arena_free:
      PYMEMLAB_CHECK(slot == kNoSlot || slot < arenas_);
      return {.value = slot == kNoSlot ? kNoName : arenas_ - slot};
    case EventKind::thread: PYMEMLAB_CHECK(slot < kMaxContexts); return {.value = thread_ = slot};
    case EventKind::interpreter:
      PYMEMLAB_CHECK(slot < kMaxContexts);
      return {.value = interpreter_ = slot};
    case EventKind::mark: PYMEMLAB_CHECK(slot < marks_.size()); return {.value = slot};
    default: return {};
  }
}

// The event's size field; what does not fit goes to the side words.
std::uint32_t TraceWriter::Impl::add_size(const Operation& operation) {
  if (!has_size(operation.kind)) return 0;
  const bool pair = operation.kind == EventKind::calloc && operation.count != 1;
  if (!pair && operation.size < Event::kWide) return static_cast<std::uint32_t>(operation.size);
  if (operation.kind == EventKind::calloc) encoder_.add_word(operation.count);
  encoder_.add_word(operation.size);
  return Event::kWide;
}

void TraceWriter::Impl::add_words(const Operation& operation) {
  switch (operation.kind) {
    case EventKind::realloc_unknown: encoder_.add_word(operation.old_address); break;
    case EventKind::free_unknown: encoder_.add_word(operation.address); break;
    case EventKind::arena_free:
      if (operation.slot != kNoSlot) break;
      [[fallthrough]];
    case EventKind::arena_alloc:
      encoder_.add_word(operation.size);
      encoder_.add_word(operation.address);
      break;
    default: break;
  }
}

// Flags and domains that mean nothing for a kind are left out, so that equal streams are equal
// bits.
void TraceWriter::Impl::add_event(const Operation& operation, std::uint32_t size, Slot slot,
                                  Name name) {
  const bool request = is_request(operation.kind);
  const bool failed = operation.kind == EventKind::arena_alloc
                          ? operation.address == 0
                          : operation.failed && may_fail(operation.kind);
  encoder_.add(Event(operation.kind, request ? operation.domain : Domain::raw,
                     request && operation.nested, failed, size, slot),
               name);
}

void TraceWriter::Impl::add_address(const Operation& operation, Slot slot) {
  if (operation.failed || !has_size(operation.kind)) return;
  const AddressModel::Class wanted = AddressModel::class_of(operation.domain, operation.bytes());
  std::uint64_t word = 0;
  const std::uint8_t token = addresses_.encode(slot, operation.kind == EventKind::realloc, wanted,
                                               operation.address, word);
  address_tokens_.push_back(token);
  if (token == AddressModel::kDifference) put_varint(address_words_, word);
}

void TraceWriter::Impl::keep_site(const Operation& operation, Slot slot) {
  if (operation.failed || !has_size(operation.kind)) return;
  PYMEMLAB_CHECK(operation.site <= sites_);
  chunk_sites_.push_back(operation.site);
  blocks_[slot].site = operation.site;
}

SiteNumber TraceWriter::Impl::add_site(const Site& site) {
  PYMEMLAB_CHECK(site.caller <= sites_ && sites_ < kMaxSites);
  ++sites_;
  if (!options_.sites) return sites_;
  Site kept = site;
  for (std::string* text : {&kept.file, &kept.function})
    if (text->size() > kMaxSiteTextBytes) text->erase(0, text->size() - kMaxSiteTextBytes);
  put_site(new_sites_, kept);
  site_table_.push_back(std::move(kept));
  return sites_;
}

void TraceWriter::Impl::mark(std::string_view text) {
  std::string kept(text.substr(0, kMaxMarkBytes));
  const auto [place, is_new] =
      mark_numbers_.emplace(std::move(kept), static_cast<std::uint32_t>(marks_.size()));
  if (is_new) {
    marks_.push_back(place->first);
    encoder_.add_mark_text(place->first);
  }
  append({.kind = EventKind::mark, .slot = place->second});
  if (encoder_.mark_bytes() >= kMaxMarkBytes) flush_chunk();
}

void TraceWriter::Impl::flush_chunk() {
  if (encoder_.size() == 0) return;
  digest_.add_events(encoder_.events());
  digest_.add_words(encoder_.words());
  encoder_.encode(
      {.first_event = first_event_, .allocations = chunk_allocations_, .flags = chunk_flags_},
      builder_);
  builder_.add(kEventsAddressTokens, address_tokens_);
  builder_.add(kEventsAddressWords, address_words_);
  builder_.add(kEventsSites, encode_sites(chunk_sites_, sites_));
  builder_.add(kEventsNewSites, new_sites_);
  const std::uint64_t before = offset_;
  write_chunk(kEventsTag);
  bytes_since_key_ += offset_ - before;
  first_event_ += encoder_.size();
  chunk_allocations_ = slots_.allocations();
  last_birth_ = slots_.allocations() - 1;
  last_slot_ = 0;
  chunk_flags_ = 0;
  encoder_.clear();
  slots_.make_room(options_.chunk_events);
  address_tokens_.clear();
  address_words_.clear();
  chunk_sites_.clear();
  new_sites_.clear();
  if (++chunks_since_key_ >= options_.key_chunks) write_key();
}

// The live set is written out only when it is small beside what was written since the last time,
// so that key chunks cost an eighth of the file at most.
void TraceWriter::Impl::write_key() {
  constexpr std::uint64_t kShare = 8;
  constexpr std::uint64_t kLeastBytesABlock = 2;
  const std::uint64_t expected = std::max(key_bytes_, slots_.live() * kLeastBytesABlock);
  if (bytes_since_key_ < kShare * expected || slots_.used() > kMaxKeySlots) return;
  KeyState state{.next_event = first_event_,
                 .allocations = slots_.allocations(),
                 .used = slots_.used(),
                 .arenas = arenas_,
                 .thread = thread_,
                 .interpreter = interpreter_,
                 .blocks = {},
                 .block_ages = {},
                 .free_slots = {slots_.free_begin(), slots_.free_end()},
                 .marks = marks_,
                 .sites = site_table_};
  std::vector<Slot> live;
  live.reserve(slots_.live());
  for (Slot slot = 0; slot < slots_.used(); ++slot)
    if (slots_.alive(slot)) live.push_back(slot);
  std::sort(live.begin(), live.end(),
            [this](Slot a, Slot b) { return blocks_[a].birth < blocks_[b].birth; });
  for (const Slot slot : live) {
    state.blocks.push_back({slot, blocks_[slot].domain, blocks_[slot].bytes,
                            addresses_.address_of(slot), blocks_[slot].site});
    state.block_ages.push_back(slots_.allocations() - blocks_[slot].birth);
  }
  encode_key(state, options_.addresses, builder_);
  const std::uint64_t before = offset_;
  write_chunk(kKeyTag);
  key_bytes_ = offset_ - before;
  bytes_since_key_ = 0;
  chunks_since_key_ = 0;
  addresses_.start_afresh();
  chunk_flags_ = kAddressesAfresh;
}

void TraceWriter::Impl::write_metadata() {
  add_metadata(metadata_, file_.path(), builder_);
  write_chunk(kMetadataTag);
}

// A key chunk that would break the format's limits is left out: reading starts at an older one.
void TraceWriter::Impl::write_chunk(std::uint32_t tag) {
  const Bytes chunk = builder_.finish(tag);
  if (chunk.empty()) {
    PYMEMLAB_CHECK(is_optional_chunk(tag));
    return;
  }
  file_.write(std::as_bytes(std::span(chunk)));
  places_.push_back({tag, offset_, first_event_});
  offset_ += chunk.size();
}

void TraceWriter::Impl::finish() {
  PYMEMLAB_CHECK(!finished_);
  flush_chunk();
  write_metadata();
  finished_ = true;
  add_index(
      {.places = places_, .events = first_event_, .used = slots_.used(), .digest = digest_.value()},
      builder_);
  const std::uint64_t index_offset = offset_;
  write_chunk(kIndexTag);
  const Bytes end = trailer(index_offset, first_event_);
  file_.write(std::as_bytes(std::span(end)));
  file_.close();
}

TraceWriter TraceWriter::create(const std::string& path, TraceMetadata metadata,
                                TraceWriterOptions options) {
  return TraceWriter(
      std::make_unique<Impl>(File::open_to_write(path), std::move(metadata), options));
}

TraceWriter::TraceWriter(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
TraceWriter::TraceWriter(TraceWriter&&) noexcept = default;
TraceWriter& TraceWriter::operator=(TraceWriter&&) noexcept = default;
TraceWriter::~TraceWriter() = default;

Slot TraceWriter::append(const Operation& operation) { return impl_->append(operation); }
void TraceWriter::mark(std::string_view text) { impl_->mark(text); }
SiteNumber TraceWriter::add_site(const Site& site) { return impl_->add_site(site); }
void TraceWriter::add_sites(const SiteTable& table) {
  while (impl_->sites() < table.size()) impl_->add_site(table[impl_->sites()]);
}
SiteNumber TraceWriter::sites() const noexcept { return impl_->sites(); }
TraceMetadata& TraceWriter::metadata() noexcept { return impl_->metadata(); }
std::uint64_t TraceWriter::events() const noexcept { return impl_->events(); }
Domain TraceWriter::domain_of(Slot slot) const noexcept { return impl_->domain_of(slot); }
Slot TraceWriter::slots() const noexcept { return impl_->slots(); }
void TraceWriter::flush_chunk() { impl_->flush_chunk(); }
void TraceWriter::finish() { impl_->finish(); }

}  // namespace pymemlab
