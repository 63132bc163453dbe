// Writes a trace file, format version 1 (docs/trace-format.md), chunk by chunk: what was written
// before a crash stays readable. Memory is bounded by the live set and one chunk.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/trace/event.h"
#include "core/trace/metadata.h"

namespace pymemlab {

struct TraceWriterOptions {
  bool addresses = false;     // keep the address column (the placement proof needs it)
  bool sites = false;         // keep where blocks were asked for
  int compression_level = 3;  // zstd's; 0: columns are stored as they are
  std::uint32_t chunk_events = 1u << 18;
  std::uint32_t key_chunks =
      16;  // every 16th chunk carries the live set, so that reading can start there
};

class TraceWriter {
 public:
  // `path` "-" is standard output. Throws InputError when the file cannot be created.
  static TraceWriter create(const std::string& path, TraceMetadata metadata,
                            TraceWriterOptions options = {});
  TraceWriter(TraceWriter&&) noexcept;
  TraceWriter& operator=(TraceWriter&&) noexcept;
  // Without finish() the file ends after its last whole chunk, as after a crash.
  ~TraceWriter();

  // Appends one event. For an event that takes a new slot `operation.slot` is ignored and the slot
  // taken is returned; otherwise returns operation.slot.
  // REQUIRES: slots named by realloc and free were handed out before (they may be dead).
  // Throws InputError when the disk is full: all whole chunks before stay readable.
  Slot append(const Operation& operation);

  // Shorthands for producers such as the workloads.
  Slot malloc(Domain domain, std::uint64_t size) {
    return append({.kind = EventKind::malloc, .domain = domain, .size = size});
  }
  Slot calloc(Domain domain, std::uint64_t count, std::uint64_t size) {
    return append({.kind = EventKind::calloc, .domain = domain, .count = count, .size = size});
  }
  void realloc(Domain domain, Slot slot, std::uint64_t size) {
    append({.kind = EventKind::realloc, .domain = domain, .slot = slot, .size = size});
  }
  void free(Domain domain, Slot slot) {
    append({.kind = EventKind::free, .domain = domain, .slot = slot});
  }
  // A point of interest in the stream, e.g. "teardown". Equal texts share one number.
  void mark(std::string_view text);

  // Adds a site and returns its number. REQUIRES: the caller's number was returned before, or is
  // kNoSite; fewer than kMaxSites were added. A writer that keeps no sites only counts them.
  SiteNumber add_site(const Site& site);
  // Adds what `table`, another trace's, has beyond those that were added: numbers stay as they are.
  void add_sites(const SiteTable& table);
  [[nodiscard]] SiteNumber sites() const noexcept;

  // Metadata that was not known at the start (the interpreter's facts, the exit status). What
  // stands here at the end replaces what the head of the file says.
  TraceMetadata& metadata() noexcept;
  [[nodiscard]] std::uint64_t events() const noexcept;
  // That gave the newest block of the slot, or resized it last. REQUIRES: slot < slots().
  [[nodiscard]] Domain domain_of(Slot slot) const noexcept;
  // Slots handed out so far: all are below it.
  [[nodiscard]] Slot slots() const noexcept;

  // Writes the chunk under construction now (a recorder does so at intervals).
  void flush_chunk();
  // Last chunk, final metadata, index. Throws InputError when the disk is full.
  void finish();

 private:
  class Impl;
  explicit TraceWriter(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pymemlab
