#include "core/measure/footprint_pass.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "core/measure/arena_map.h"
#include "core/pymem/system_allocators.h"
#include "core/replay/call.h"

namespace pymemlab {
namespace {

std::int64_t signed_bytes(std::uint64_t bytes) { return static_cast<std::int64_t>(bytes); }

// The fewest bytes of arenas that could hold the live blocks of each class.
std::uint64_t packed_arena_bytes(const HeapStatistics& s, const Geometry& geometry) {
  std::uint64_t pools = 0;
  for (std::size_t c = 0; c < s.size_classes; ++c) {
    const std::uint64_t capacity = geometry.pool_capacity(c);
    pools += (s.classes[c].live_blocks + capacity - 1) / capacity;
  }
  const std::uint64_t per_arena = geometry.pools_per_arena();
  return (pools + per_arena - 1) / per_arena * geometry.arena_bytes;
}

}  // namespace

FootprintPass::FootprintPass(ReplaySubject& subject, const WorkerChannel& channel)
    : subject_(subject),
      job_(channel.job()),
      result_(&channel.result()),
      interval_peaks_(channel.interval_peaks()),
      samples_(channel.samples()),
      map_(channel.map()),
      entries_(channel.job().slots),
      interval_end_(end_of_interval(0)),
      next_mapped_event_(job_.map_every) {
  for (Entry& entry : entries_) entry.block = nullptr;  // touches every page before the baseline
  if (!samples_.empty()) {
    take_sample();  // a rehearsal: what taking a sample touches belongs to the baseline
    static_cast<void>(snapshot());
    result_->samples = 0;
  }
  resident_at_start_ = signed_bytes(resident_anonymous_bytes());
}

void FootprintPass::window(std::span<const ReplayEvent> events,
                           const std::uint64_t* wide) noexcept {
  for (const ReplayEvent event : events) step(event, wide);
}

void FootprintPass::step(ReplayEvent event, const std::uint64_t*& wide) noexcept {
  if (job_.pass == Pass::sample) sample_event();
  const AllocatorRecord& api = subject_.domains()[event.domain_index()].api;
  const std::uint64_t clock_before = clock_bytes_;
  const Call call = call_of(event, wide);
  Entry& entry = entries_[event.slot()];
  switch (call.kind) {
    case CallKind::malloc: allocated(event, api.malloc(api.context, call.size), call.size); break;
    case CallKind::calloc:
      allocated(event, api.calloc(api.context, call.count, call.size), call.bytes());
      break;
    case CallKind::realloc:
      if (call.takes_block) {
        reallocated(event, api.realloc(api.context, entry.block, call.size), call.size);
      } else {
        allocated(event, api.realloc(api.context, nullptr, call.size), call.size);
      }
      break;
    case CallKind::free:
      if (call.takes_block) {
        leave(entry);
        api.free(api.context, std::exchange(entry.block, nullptr));
      } else {
        api.free(api.context, nullptr);
      }
      break;
  }
  after_event(clock_bytes_ - clock_before);
}

void FootprintPass::allocated(ReplayEvent event, void* block, std::uint64_t bytes) noexcept {
  Entry& entry = entries_[event.slot()];
  entry = {.block = block, .bytes = bytes, .usable_bytes = 0, .hook_bytes = 0, .in_pool = false};
  if (block == nullptr) {
    ++result_->refused;
    return;
  }
  touch(block, 0, bytes);
  enter(event, entry);
  clock_bytes_ += bytes;
}

void FootprintPass::reallocated(ReplayEvent event, void* moved, std::uint64_t bytes) noexcept {
  Entry& entry = entries_[event.slot()];
  if (moved == nullptr) {
    ++result_->refused;
    return;
  }
  const std::uint64_t old_bytes = entry.bytes;
  CostCounts& costs = result_->scan.costs;
  ++costs.reallocs;
  if (moved != entry.block) ++costs.reallocs_moved;
  leave(entry);
  entry.block = moved;
  entry.bytes = bytes;
  if (job_.touch == Touch::all) touch(moved, old_bytes, bytes);
  enter(event, entry);
  clock_bytes_ += bytes > old_bytes ? bytes - old_bytes : 0;
}

void FootprintPass::touch(void* block, std::uint64_t old_bytes,
                          std::uint64_t new_bytes) const noexcept {
  if (new_bytes <= old_bytes) return;
  if (job_.touch == Touch::first) *static_cast<volatile unsigned char*>(block) = 1;
  if (job_.touch == Touch::all)
    std::memset(static_cast<char*>(block) + old_bytes, 1, new_bytes - old_bytes);
}

void FootprintPass::enter(ReplayEvent event, Entry& entry) noexcept {
  ++live_blocks_;
  live_bytes_ += entry.bytes;
  if (job_.pass != Pass::sample) return;
  if (event.domain() == Domain::libc) {
    entry.in_pool = false;
    entry.usable_bytes = libc_usable_bytes(entry.block);
  } else {
    const BlockCost cost = subject_.cost(event.domain(), entry.block);
    entry.in_pool = cost.in_pool;
    entry.usable_bytes = cost.usable_bytes;
    entry.hook_bytes = static_cast<std::uint32_t>(cost.hook_bytes);
  }
  usable_bytes_ += entry.usable_bytes;
  if (!entry.in_pool) raw_usable_bytes_ += entry.usable_bytes;
  hook_bytes_ += entry.hook_bytes;
}

void FootprintPass::leave(const Entry& entry) noexcept {
  if (entry.block == nullptr) return;  // it was refused: it is not on the books
  --live_blocks_;
  live_bytes_ -= entry.bytes;
  usable_bytes_ -= entry.usable_bytes;
  if (!entry.in_pool) raw_usable_bytes_ -= entry.usable_bytes;
  hook_bytes_ -= entry.hook_bytes;
}

void FootprintPass::after_event(std::uint64_t advance) noexcept {
  ++events_;
  if (job_.pass == Pass::scan) {
    scan_event(advance);
    return;
  }
  if (events_ == next_mapped_event_) {
    map_arenas();
    next_mapped_event_ += job_.map_every;
  }
  if (job_.every_event) {
    take_sample();
  } else if (entered_interval()) {
    take_sample();
  }
}

bool FootprintPass::entered_interval() noexcept {
  if (clock_bytes_ < interval_end_) [[likely]]
    return false;
  interval_ = interval_at(clock_bytes_);
  interval_end_ = end_of_interval(interval_);
  return true;
}

std::uint64_t FootprintPass::end_of_interval(std::uint64_t interval) const noexcept {
  if (job_.intervals == 0 || job_.clock_bytes == 0) return ~std::uint64_t{0};
  const auto scaled = (static_cast<unsigned __int128>(interval) + 1) * job_.clock_bytes;
  return static_cast<std::uint64_t>((scaled + job_.intervals - 1) / job_.intervals);
}

std::uint64_t FootprintPass::interval_at(std::uint64_t clock_bytes) const noexcept {
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(clock_bytes) * job_.intervals /
                                    job_.clock_bytes);
}

void FootprintPass::scan_event(std::uint64_t advance) noexcept {
  FootprintScan& scan = result_->scan;
  if (entered_interval()) subject_.meter().refresh();
  const std::uint64_t mapped = mapped_bytes();
  scan.peak_arena_bytes = std::max(scan.peak_arena_bytes, subject_.arenas().mapped_bytes());
  if (live_bytes_ > scan.peak_live_bytes) {
    scan.peak_live_bytes = live_bytes_;
    scan.peak_live_event = events_;
    scan.mapped_at_peak_live = mapped;
  }
  if (mapped > scan.peak_mapped_bytes) {
    scan.peak_mapped_bytes = mapped;
    scan.peak_mapped_event = events_;
    scan.live_at_peak_mapped = live_bytes_;
  }
  if (live_bytes_ > 0) {
    scan.mapped_over_live += static_cast<double>(mapped) / static_cast<double>(live_bytes_);
    ++scan.mapped_over_live_events;
  }
  if (advance != 0) {
    scan.mapped_dt.add_product(mapped, advance);
    scan.live_dt.add_product(live_bytes_, advance);
  }
  IntervalPeak& peak = interval_peaks_[std::min(interval_, job_.intervals - 1)];
  peak.live_bytes = std::max(peak.live_bytes, live_bytes_);
  peak.mapped_bytes = std::max(peak.mapped_bytes, mapped);
  scan.events = events_;
}

// The chosen moments lie before the event with their number.
void FootprintPass::sample_event() noexcept {
  while (next_moment_ < job_.moments.size() && job_.moments[next_moment_] <= events_) {
    if (job_.moments[next_moment_] == events_) {
      take_sample();
      map_arenas();
    }
    ++next_moment_;
  }
}

void FootprintPass::take_sample() noexcept {
  const std::uint64_t taken = result_->samples;
  if (taken > 0 && samples_[taken - 1].event == events_) return;
  if (taken == samples_.size()) return;
  FootprintSample& s = samples_[result_->samples++];
  LibcMeter& meter = subject_.meter();
  meter.refresh();
  s.event = events_;
  s.allocated_bytes = clock_bytes_;
  s.live_blocks = live_blocks_;
  s.live_bytes = live_bytes_;
  s.hook_bytes = hook_bytes_;
  s.rounding_bytes = usable_bytes_ - live_bytes_ - hook_bytes_;
  s.mapped_bytes = mapped_bytes();
  s.metadata_bytes = meter.header_bytes();
  if (const std::optional<HeapStatistics> h = subject_.heap_statistics()) {
    s.metadata_bytes += h->header_bytes + subject_.own_raw_bytes(raw_usable_bytes_);
    s.free_block_bytes = h->available_bytes;
    s.free_pool_bytes = h->unused_pool_bytes;
    s.structural_bytes = h->quantization_bytes + h->alignment_bytes;
    s.arenas = h->arenas_current;
    s.packed_bytes = packed_arena_bytes(*h, subject_.geometry());
  }
  std::int64_t unexplained_by_mimalloc = 0;
  if (const std::optional<MimallocFigures> h = subject_.mimalloc()) {
    s.free_block_bytes = h->pages_committed_bytes - h->block_bytes;
    s.packed_bytes = h->block_bytes;
    unexplained_by_mimalloc =
        signed_bytes(subject_.mimalloc_mapped_bytes()) - signed_bytes(h->pages_committed_bytes);
  }
  s.packed_bytes += meter.usable_bytes() + meter.header_bytes();
  s.raw_free_bytes = std::max<std::int64_t>(0, meter.free_bytes());
  s.unexplained_bytes = signed_bytes(meter.mapped_bytes()) - signed_bytes(meter.usable_bytes()) -
                        signed_bytes(meter.header_bytes()) - s.raw_free_bytes +
                        unexplained_by_mimalloc;
  s.residual_bytes =
      signed_bytes(s.mapped_bytes) -
      signed_bytes(s.live_bytes + s.hook_bytes + s.rounding_bytes + s.metadata_bytes +
                   s.free_block_bytes + s.free_pool_bytes + s.structural_bytes) -
      s.raw_free_bytes - s.unexplained_bytes;
  s.resident_bytes = signed_bytes(resident_anonymous_bytes()) - resident_at_start_;
  if (s.event == job_.peak_moment) result_->peak_heap = snapshot();
}

void FootprintPass::map_arenas() noexcept {
  if (job_.map_every == 0 || mapped_event_ == events_ || subject_.heap() == nullptr) return;
  mapped_event_ = events_;
  result_->map_bytes =
      write_map_moment(*subject_.heap(), events_, clock_bytes_, map_, result_->map_bytes);
}

HeapSnapshot FootprintPass::snapshot() const noexcept {
  HeapSnapshot snapshot;
  const std::optional<HeapStatistics> statistics = subject_.heap_statistics();
  if (!statistics) return snapshot;
  snapshot.in_use = true;
  snapshot.statistics = *statistics;
  if (const SmallHeap* heap = subject_.heap()) {
    snapshot.pins = ArenaPins::of(*heap);
    snapshot.pins_seen = true;
  }
  return snapshot;
}

void FootprintPass::finish() noexcept {
  if (job_.pass == Pass::scan) count_costs();
  if (job_.pass != Pass::sample) return;
  sample_event();
  take_sample();
  map_arenas();
  result_->end_heap = snapshot();
}

void FootprintPass::count_costs() noexcept {
  CostCounts& costs = result_->scan.costs;
  const ArenaSource& arenas = subject_.arenas();
  costs.arena_maps = arenas.requests();
  costs.arena_unmaps = costs.arena_maps - arenas.mapped_bytes() / subject_.geometry().arena_bytes;
  const SmallHeap* heap = subject_.heap();
  const std::optional<HeapCosts> counted = heap == nullptr ? std::nullopt : heap->costs();
  costs.heap_counted = counted.has_value();
  if (counted) costs.heap = *counted;
}

}  // namespace pymemlab
