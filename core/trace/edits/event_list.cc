#include "core/trace/edits/event_list.h"

#include <unordered_map>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

bool is_about_block(const Operation& operation) noexcept {
  const bool names = operation.kind == EventKind::free || operation.kind == EventKind::realloc ||
                     operation.kind == EventKind::realloc_begin;
  return (names || takes_new_slot(operation.kind)) && operation.slot != kNoSlot;
}

}  // namespace

EventList::EventList(const std::string& path, const TraceWriterOptions& wanted) {
  TraceReader reader = TraceReader::open(
      path, {.addresses = wanted.addresses, .sites = wanted.sites, .ahead = true});
  std::vector<std::uint32_t> block_in;  // by slot
  std::uint32_t blocks = 0;
  EventBatch batch;
  Operation operation;
  while (reader.next(batch)) {
    if (events_.size() + batch.events.size() > kMostEvents)
      throw InputError(
          "{}: has more than {} events, the most of which a minimal trace is sought; cut a slice "
          "out of it first",
          path, kMostEvents);
    block_in.resize(reader.slots(), kNoBlock);
    for (OperationCursor cursor(batch); cursor.next(operation);) {
      if (is_about_block(operation)) {
        if (takes_new_slot(operation.kind)) block_in[operation.slot] = blocks++;
        operation.slot = block_in[operation.slot];
      }
      events_.push_back(operation);
    }
  }
  marks_ = reader.marks();
  metadata_ = reader.metadata();
  sites_ = reader.sites();
  has_addresses_ = wanted.addresses && reader.has_addresses();
  has_sites_ = wanted.sites && reader.has_sites();
  damage_ = reader.damage();
}

std::uint32_t EventList::block_of(std::uint32_t event) const noexcept {
  return is_about_block(events_[event]) ? events_[event].slot : kNoBlock;
}

void EventList::write(std::vector<std::uint32_t>& kept, const std::string& path,
                      TraceMetadata metadata, const TraceWriterOptions& options) const {
  TraceWriter writer = TraceWriter::create(path, std::move(metadata), options);
  writer.add_sites(sites_);
  std::unordered_map<std::uint32_t, Slot> slots;   // by block
  std::unordered_map<std::uint32_t, Slot> arenas;  // by ordinal
  std::vector<std::uint32_t> owners;               // by slot: which block took it last
  const auto place = [&](Operation& event) {
    if (is_about_block(event) && !takes_new_slot(event.kind)) {
      const auto found = slots.find(event.slot);
      if (found == slots.end() || owners[found->second] != event.slot) return false;
      event.slot = found->second;
    } else if (event.kind == EventKind::arena_free && event.slot != kNoSlot) {
      const auto found = arenas.find(event.slot);
      if (found == arenas.end()) return false;
      event.slot = found->second;
    }
    return true;
  };
  std::size_t written = 0;
  for (const std::uint32_t number : kept) {
    const Operation& event = events_[number];
    Operation placed = event;
    if (!place(placed)) continue;
    kept[written++] = number;
    if (event.kind == EventKind::mark) {
      writer.mark(marks_[event.slot]);
      continue;
    }
    const Slot taken = writer.append(placed);
    if (takes_new_slot(event.kind) && !event.failed) {
      slots[event.slot] = taken;
      owners.resize(writer.slots());
      owners[taken] = event.slot;
    } else if (event.kind == EventKind::arena_alloc) {
      arenas[event.slot] = taken;
    }
  }
  kept.resize(written);
  writer.finish();
}

}  // namespace pymemlab
