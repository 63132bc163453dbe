#include "core/trace/trace_validator.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/input_error.h"

namespace pymemlab {

TraceValidator::TraceValidator(const TraceReader& trace, const std::string& path)
    : path_(trace.path()),
      addresses_(trace.has_addresses()),
      sites_(trace.has_sites()),
      can_seek_(trace.total_events().has_value() && path != "-"),
      total_events_(trace.total_events().value_or(0)) {
  if (can_seek_) find_keys();
}

// Where reading starts if it may start no later than just before the key chunk found last.
void TraceValidator::find_keys() {
  for (std::uint64_t before = total_events_; before > 0;) {
    TraceReader reader = TraceReader::open(path_, {.start_at = before - 1});
    EventBatch batch;
    if (!reader.next(batch) || batch.first == 0) return;
    keys_.push_back(batch.first);
    before = batch.first;
  }
}

void TraceValidator::check(const EventBatch& batch) {
  if (!keys_.empty() && keys_.back() == batch.first) {
    keys_.pop_back();
    check_key(batch);
  }
  Operation operation;
  std::uint64_t number = batch.first;
  for (OperationCursor cursor(batch); cursor.next(operation); ++number) apply(operation, number);
  events_ += batch.events.size();
}

void TraceValidator::check_key(const EventBatch& batch) {
  TraceReader reader =
      TraceReader::open(path_, {.addresses = addresses_, .sites = sites_, .start_at = batch.first});
  const auto disagree = [&](const char* what) {
    throw InputError("{}: event {}: the key chunk before it disagrees with the events about {}",
                     path_, batch.first, what);
  };
  if (reader.initial_blocks() != live_blocks()) disagree("what is live");
  EventBatch again;
  if (!reader.next(again) || again.first != batch.first || again.events != batch.events ||
      again.wide != batch.wide)
    disagree("what follows");
  if (again.addresses != batch.addresses) disagree("the addresses that follow");
  if (again.sites != batch.sites) disagree("the sites that follow");
  ++keys_checked_;
}

std::vector<LiveBlock> TraceValidator::live_blocks() const {
  std::vector<Slot> live;
  for (std::size_t slot = 0; slot < blocks_.size(); ++slot)
    if (blocks_[slot].alive) live.push_back(static_cast<Slot>(slot));
  std::sort(live.begin(), live.end(),
            [this](Slot a, Slot b) { return blocks_[a].birth < blocks_[b].birth; });
  std::vector<LiveBlock> blocks;
  blocks.reserve(live.size());
  for (const Slot slot : live)
    blocks.push_back({slot, blocks_[slot].domain, blocks_[slot].bytes, blocks_[slot].address,
                      blocks_[slot].site});
  return blocks;
}

void TraceValidator::apply(const Operation& operation, std::uint64_t number) {
  if (takes_new_slot(operation.kind)) {
    if (!operation.failed) allocate(operation, number);
    return;
  }
  const bool names = operation.kind == EventKind::realloc || operation.kind == EventKind::free ||
                     operation.kind == EventKind::realloc_begin;
  if (!names || operation.slot == kNoSlot) return;
  if (operation.slot >= blocks_.size())
    throw InputError("{}: event {}: names slot {}, and {} were used so far", path_, number,
                     operation.slot, blocks_.size());
  Block& block = blocks_[operation.slot];
  if (operation.kind == EventKind::free && block.alive) {
    block.alive = false;
    free_slots_.push_back(operation.slot);
  } else if (operation.kind == EventKind::realloc && !operation.failed) {
    block.bytes = operation.size;
    block.domain = operation.domain;
    block.address = operation.address;
    block.site = operation.site;
  }
}

void TraceValidator::allocate(const Operation& operation, std::uint64_t number) {
  const auto expected =
      static_cast<Slot>(free_slots_.empty() ? blocks_.size() : free_slots_.back());
  if (operation.slot != expected)
    throw InputError("{}: event {}: takes slot {}; wanted the newest free one, {}", path_, number,
                     operation.slot, expected);
  if (free_slots_.empty()) {
    blocks_.emplace_back();
  } else {
    free_slots_.pop_back();
  }
  blocks_[expected] = {.birth = allocations_++,
                       .bytes = operation.bytes(),
                       .address = operation.address,
                       .site = operation.site,
                       .domain = operation.domain,
                       .alive = true};
}

std::string_view TraceValidator::columns() const noexcept {
  if (addresses_) return sites_ ? " with addresses and sites" : " with addresses";
  return sites_ ? " with sites" : "";
}

std::string TraceValidator::text() const {
  return fmt::format("every column of {} events{}, {} key chunks{}", events_, columns(),
                     keys_checked_,
                     can_seek_ ? "" : " (standard input, or a file that is not whole, shows none)");
}

}  // namespace pymemlab
