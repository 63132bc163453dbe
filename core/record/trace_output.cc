#include "core/record/trace_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "core/base/input_error.h"
#include "core/trace/approximate.h"
#include "core/trace/edits/live_set.h"
#include "core/trace/edits/slot_map.h"
#include "core/trace/trace_reader.h"

namespace pymemlab {
namespace {

std::uint64_t bytes_of(const std::string& path) {
  std::error_code unknown;
  const std::uintmax_t bytes = std::filesystem::file_size(path, unknown);
  return unknown ? 0 : bytes;
}

void move_file(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::rename(from, to, error);
  if (error) throw InputError("{}: cannot become {}: {}", from, to, error.message());
}

// Chunks that are small beside the limit. An event takes four bytes at most, or nearly so.
TraceWriterOptions chunked_for(std::uint64_t max_bytes, TraceWriterOptions options) {
  constexpr std::uint64_t kShare = 128;
  if (max_bytes != 0) {
    options.chunk_events = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(options.chunk_events, max_bytes / kShare));
  }
  return options;
}

// The events of one trace in another that numbers its slots and arenas itself.
struct Renumbering {
  SlotMap slots;
  SlotMap arenas;

  // REQUIRES: what the operation names has been handed on.
  Slot hand_on(Operation operation, TraceWriter& to) {
    const Slot source = operation.slot;
    if (takes_new_slot(operation.kind)) {
      const Slot taken = to.append(operation);
      if (!operation.failed) slots.put(source, taken);
      return taken;
    }
    switch (operation.kind) {
      case EventKind::realloc:
      case EventKind::realloc_begin:
      case EventKind::free: operation.slot = slots.find(source); break;
      case EventKind::arena_free: operation.slot = arenas.find(source); break;
      case EventKind::arena_alloc: {
        const Slot ordinal = to.append(operation);
        arenas.put(source, ordinal);
        return ordinal;
      }
      default: break;
    }
    return to.append(operation);
  }
};

}  // namespace

struct TraceOutput::Window {
  Window(std::string place, TraceMetadata about, const TraceWriterOptions& wanted,
         std::uint64_t max_bytes)
      : path(std::move(place)),
        newest(path + ".newest"),
        options(wanted),
        most_bytes_each(max_bytes / 2 / 8 * 7),
        metadata(std::move(about)) {
    metadata.unknown.emplace_back(kUnknownFreeSpace);
  }

  [[nodiscard]] const std::string& written() const noexcept { return parts == 1 ? path : newest; }
  Slot take_number() {
    ++live_blocks;
    if (free.empty()) {
      domains.push_back(Domain::raw);
      return used++;
    }
    const Slot number = free.back();
    free.pop_back();
    return number;
  }
  void give_back(Slot number) {
    --live_blocks;
    free.push_back(number);
  }

  std::string path;
  std::string newest;
  TraceWriterOptions options;
  std::uint64_t most_bytes_each;  // with an eighth to spare for the last chunk
  TraceMetadata metadata;         // of a part that does not begin where the recording does

  // The caller's slots and arenas, which outlive the parts.
  std::vector<Slot> free;
  Slot used = 0;
  std::uint32_t arenas = 0;
  std::vector<Domain> domains;  // by slot
  LiveSet live;
  std::uint64_t live_blocks = 0;
  SiteTable sites;

  unsigned parts = 1;  // that have begun
  Renumbering part;    // the caller's slots in the part that is written
  Renumbering joint;   // that one's, where it began, in the part before
  std::uint64_t prologue_events = 0;
};

TraceOutput::TraceOutput(std::string path, TraceMetadata metadata, TraceWriterOptions options,
                         std::uint64_t max_bytes)
    : writer_(TraceWriter::create(path, metadata, chunked_for(max_bytes, options))) {
  if (max_bytes == 0) return;
  options = chunked_for(max_bytes, options);
  window_ = std::make_unique<Window>(std::move(path), std::move(metadata), options, max_bytes);
}

TraceOutput::~TraceOutput() = default;

Slot TraceOutput::append_to_window(const Operation& operation) {
  Window& window = *window_;
  Operation numbered = operation;
  if (takes_new_slot(operation.kind)) {
    numbered.slot = operation.failed ? kNoSlot : window.take_number();
  } else if (operation.kind == EventKind::arena_alloc) {
    numbered.slot = window.arenas++;
  }
  window.part.hand_on(numbered, writer_);
  window.live.apply(numbered);
  const bool gives = takes_new_slot(operation.kind) || operation.kind == EventKind::realloc;
  if (numbered.slot == kNoSlot) return kNoSlot;
  if (gives) window.domains[numbered.slot] = operation.domain;
  if (operation.kind == EventKind::free) window.give_back(numbered.slot);
  return numbered.slot;
}

SiteNumber TraceOutput::add_site(const Site& site) {
  if (window_ != nullptr) window_->sites.push_back(site);
  return writer_.add_site(site);
}

void TraceOutput::add_sites(const SiteTable& table) {
  if (window_ != nullptr) window_->sites = table;
  writer_.add_sites(table);
}

Domain TraceOutput::domain_of(Slot slot) const noexcept {
  return window_ != nullptr ? window_->domains[slot] : writer_.domain_of(slot);
}

void TraceOutput::limit_size() {
  if (window_ == nullptr || bytes_of(window_->written()) < window_->most_bytes_each) return;
  // A block takes up to five bytes in a prologue, which may take half of a part.
  constexpr std::uint64_t kBytesABlock = 5;
  const std::uint64_t expected = window_->live_blocks * kBytesABlock;
  if (expected > window_->most_bytes_each / 2) {
    throw InputError("{}: the {} blocks that are live need a --max-size of {} MiB or more",
                     window_->path, window_->live_blocks, expected * 4 / (1024 * 1024) + 1);
  }
  begin_part();
}

void TraceOutput::begin_part() {
  Window& window = *window_;
  writer_.finish();
  if (window.parts != 1) move_file(window.newest, window.path);
  ++window.parts;
  TraceMetadata metadata = window.metadata;
  metadata.python = writer_.metadata().python;
  writer_ = TraceWriter::create(window.newest, std::move(metadata), window.options);
  Renumbering before = std::exchange(window.part, {});
  writer_.add_sites(window.sites);
  FileSink sink(writer_);
  window.prologue_events = window.live.rebuild(sink, window.part.slots, window.part.arenas) + 1;
  writer_.mark("the kept window starts");
  window.joint = {};
  for (Slot number = 0; number < window.used; ++number) {
    if (const Slot slot = window.part.slots.find(number); slot != kNoSlot)
      window.joint.slots.put(slot, before.slots.find(number));
  }
  for (Slot number = 0; number < window.arenas; ++number) {
    if (const Slot arena = window.part.arenas.find(number); arena != kNoSlot)
      window.joint.arenas.put(arena, before.arenas.find(number));
  }
}

void TraceOutput::finish() {
  writer_.finish();
  if (window_ == nullptr || window_->parts == 1) return;
  try {
    join_parts();
  } catch (const InputError& error) {
    throw InputError("{}; the newest part is in {}", error.what(), window_->newest);
  }
}

// The older part as it is, then the newer one without its prologue.
void TraceOutput::join_parts() {
  Window& window = *window_;
  const std::string joined = window.path + ".joined";
  const TraceReaderOptions everything = {.addresses = true, .sites = true};
  TraceReader older = TraceReader::open(window.path, everything);
  TraceReader newer = TraceReader::open(window.newest, everything);
  TraceMetadata metadata = newer.metadata();
  if (window.parts == 2) std::erase(metadata.unknown, kUnknownFreeSpace);
  TraceWriter writer = TraceWriter::create(joined, std::move(metadata), window.options);
  EventBatch batch;
  Operation operation;
  while (older.next(batch)) {
    writer.add_sites(older.sites());
    for (OperationCursor cursor(batch); cursor.next(operation);) {
      if (operation.kind == EventKind::mark) {
        writer.mark(older.marks()[operation.slot]);
      } else {
        writer.append(operation);
      }
    }
  }
  while (newer.next(batch)) {
    writer.add_sites(newer.sites());
    std::uint64_t number = batch.first;
    for (OperationCursor cursor(batch); cursor.next(operation); ++number) {
      if (number < window.prologue_events) continue;
      if (operation.kind == EventKind::mark) {
        writer.mark(newer.marks()[operation.slot]);
      } else {
        window.joint.hand_on(operation, writer);
      }
    }
  }
  writer.finish();
  move_file(joined, window.path);
  std::error_code gone;
  std::filesystem::remove(window.newest, gone);
  writer_ = std::move(writer);
}

}  // namespace pymemlab
