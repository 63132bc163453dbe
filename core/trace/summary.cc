#include "core/trace/summary.h"

#include <algorithm>
#include <bit>

#include "core/trace/lifetime_histogram.h"

namespace pymemlab {
namespace {

class Summarizer {
 public:
  void add(std::uint64_t number, const Operation& operation);
  [[nodiscard]] TraceSummary finish(TraceReader& trace);

 private:
  struct Block {
    std::uint64_t birth = 0;  // number of its allocation among the program's; 0 for nested ones
    std::uint64_t bytes = 0;
    Slot thread = 0;
    Domain domain = Domain::raw;
    bool alive = false;
  };

  void count_size(std::uint64_t bytes);
  void allocate(const Operation& operation);
  void resize(const Operation& operation);
  void release(const Operation& operation);
  void count_arena(const Operation& operation);
  void note_peaks(std::uint64_t number);

  TraceSummary summary_;
  std::vector<Block> blocks_;          // by slot
  std::vector<std::uint64_t> arenas_;  // bytes, by ordinal; 0 when released
  std::uint64_t arena_bytes_ = 0;
  std::uint64_t allocations_ = 0;
  Slot thread_ = 0;
  LifetimeHistogram lifetimes_;
};

void Summarizer::add(std::uint64_t number, const Operation& operation) {
  ++summary_.events;
  ++summary_.by_kind[static_cast<std::size_t>(operation.kind)][index(operation.domain)];
  summary_.nested += operation.nested ? 1 : 0;
  summary_.failed += operation.failed ? 1 : 0;
  switch (operation.kind) {
    case EventKind::realloc_unknown: ++summary_.unknown_reallocs; [[fallthrough]];
    case EventKind::malloc:
    case EventKind::calloc:
    case EventKind::realloc_null: allocate(operation); break;
    case EventKind::realloc: resize(operation); break;
    case EventKind::free: release(operation); break;
    case EventKind::free_unknown: ++summary_.unknown_frees; break;
    case EventKind::arena_alloc:
    case EventKind::arena_free: count_arena(operation); break;
    case EventKind::thread:
      thread_ = operation.slot;
      summary_.threads = std::max<std::uint64_t>(summary_.threads, thread_ + 1);
      summary_.by_thread.resize(summary_.threads);
      break;
    case EventKind::interpreter:
      summary_.interpreters = std::max<std::uint64_t>(summary_.interpreters, operation.slot + 1);
      break;
    case EventKind::realloc_begin:
    case EventKind::mark: break;
  }
  note_peaks(number);
}

void Summarizer::count_size(std::uint64_t bytes) {
  ++summary_.requests;
  summary_.requested_bytes += bytes;
  ++summary_.by_thread[thread_].requests;
  summary_.by_thread[thread_].requested_bytes += bytes;
  summary_.largest_request = std::max(summary_.largest_request, bytes);
  ++summary_.sizes_log2[static_cast<std::size_t>(std::bit_width(bytes))];
  const std::uint64_t small = (bytes + 15) / 16;
  if (bytes <= 512) ++summary_.sizes_small[static_cast<std::size_t>(small)];
}

void Summarizer::allocate(const Operation& operation) {
  if (operation.failed) return;
  if (operation.slot >= blocks_.size())
    blocks_.resize(std::max<std::size_t>(operation.slot + 1, 2 * blocks_.size()));
  Block& block = blocks_[operation.slot];
  block = {
      .bytes = operation.bytes(), .thread = thread_, .domain = operation.domain, .alive = true};
  if (operation.nested) return;
  block.birth = ++allocations_;
  count_size(block.bytes);
  summary_.end_live_bytes += block.bytes;
  ++summary_.end_live_blocks;
}

void Summarizer::resize(const Operation& operation) {
  Block& block = blocks_[operation.slot];
  if (!block.alive) {
    ++summary_.dead_reallocs;
    return;
  }
  if (block.domain != operation.domain) ++summary_.domain_mix_ups;
  if (operation.failed) return;
  if (block.birth != 0) {
    count_size(operation.size);
    summary_.end_live_bytes += operation.size - block.bytes;
  }
  block.bytes = operation.size;
}

void Summarizer::release(const Operation& operation) {
  if (operation.slot == kNoSlot) {
    ++summary_.null_frees;
    return;
  }
  Block& block = blocks_[operation.slot];
  if (!block.alive) {
    ++summary_.dead_frees;
    return;
  }
  if (block.domain != operation.domain) ++summary_.domain_mix_ups;
  block.alive = false;
  if (block.birth == 0) return;
  ++summary_.by_thread[thread_].frees;
  if (block.thread != thread_) ++summary_.by_thread[thread_].foreign_frees;
  const std::uint64_t lifetime = allocations_ - block.birth + 1;
  lifetimes_.add(lifetime);
  const auto bin = static_cast<std::size_t>(std::bit_width(lifetime)) - 1;
  ++summary_.lifetimes_log2[bin];
  ++summary_.lifetimes_by_size[static_cast<std::size_t>(std::bit_width(block.bytes))][bin];
  summary_.end_live_bytes -= block.bytes;
  --summary_.end_live_blocks;
}

void Summarizer::count_arena(const Operation& operation) {
  if (operation.kind == EventKind::arena_alloc) {
    ++summary_.arena_requests;
    if (operation.failed) ++summary_.arena_refusals;
    arenas_.push_back(operation.failed ? 0 : operation.size);
    arena_bytes_ += arenas_.back();
  } else {
    ++summary_.arena_releases;
    if (operation.slot != kNoSlot) arena_bytes_ -= std::exchange(arenas_[operation.slot], 0);
  }
  summary_.arena_bytes_peak = std::max(summary_.arena_bytes_peak, arena_bytes_);
}

void Summarizer::note_peaks(std::uint64_t number) {
  if (summary_.end_live_bytes > summary_.peak_live_bytes) {
    summary_.peak_live_bytes = summary_.end_live_bytes;
    summary_.peak_live_bytes_event = number;
  }
  if (summary_.end_live_blocks > summary_.peak_live_blocks) {
    summary_.peak_live_blocks = summary_.end_live_blocks;
    summary_.peak_live_blocks_event = number;
  }
}

TraceSummary Summarizer::finish(TraceReader& trace) {
  summary_.lifetimes = lifetimes_.count();
  summary_.lifetime_p50 = lifetimes_.quantile(50);
  summary_.lifetime_p90 = lifetimes_.quantile(90);
  summary_.lifetime_p99 = lifetimes_.quantile(99);
  summary_.slots = trace.slots();
  summary_.digest = trace.digest();
  summary_.marks = trace.marks();
  summary_.damage = trace.damage();
  return std::move(summary_);
}

nlohmann::json events_json(const TraceSummary& summary) {
  nlohmann::json by_kind = nlohmann::json::object();
  for (std::size_t kind = 0; kind < kEventKinds; ++kind) {
    const auto& counts = summary.by_kind[kind];
    if (std::all_of(counts.begin(), counts.end(), [](std::uint64_t n) { return n == 0; })) continue;
    if (is_request(static_cast<EventKind>(kind))) {
      nlohmann::json& row = by_kind[std::string(kEventKindNames[kind])];
      for (std::size_t domain = 0; domain < kDomains; ++domain)
        row[std::string(kDomainNames[domain])] = counts[domain];
    } else {
      by_kind[std::string(kEventKindNames[kind])] = counts[0];
    }
  }
  return by_kind;
}

nlohmann::json threads_json(const TraceSummary& summary) {
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < summary.by_thread.size(); ++i) {
    const ThreadSummary& thread = summary.by_thread[i];
    if (thread.requests + thread.frees == 0) continue;
    rows.push_back({{"thread", i},
                    {"requests", thread.requests},
                    {"requested_bytes", thread.requested_bytes},
                    {"frees", thread.frees},
                    {"foreign_frees", thread.foreign_frees}});
  }
  return rows;
}

// Bins that hold something, with the largest number that belongs there.
template <std::size_t kBins, typename LargestOf>
nlohmann::json histogram_json(const std::array<std::uint64_t, kBins>& bins, LargestOf largest_of) {
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < kBins; ++i)
    if (bins[i] != 0) rows.push_back({{"up_to", largest_of(i)}, {"count", bins[i]}});
  return rows;
}

constexpr std::uint64_t ones(std::size_t bits) noexcept {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

nlohmann::json lifetimes_by_size_json(const TraceSummary& summary) {
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t size = 0; size < summary.lifetimes_by_size.size(); ++size) {
    for (std::size_t life = 0; life < summary.lifetimes_by_size[size].size(); ++life) {
      const std::uint64_t count = summary.lifetimes_by_size[size][life];
      if (count == 0) continue;
      rows.push_back(
          {{"up_to_bytes", ones(size)}, {"up_to_allocations", ones(life + 1)}, {"count", count}});
    }
  }
  return rows;
}

}  // namespace

TraceSummary summarize(TraceReader& trace, const std::function<void(const EventBatch&)>& see) {
  Summarizer summarizer;
  EventBatch batch;
  Operation operation;
  while (trace.next(batch)) {
    if (see) see(batch);
    OperationCursor cursor(batch);
    for (std::uint64_t number = batch.first; cursor.next(operation); ++number)
      summarizer.add(number, operation);
  }
  return summarizer.finish(trace);
}

nlohmann::json to_json(const TraceSummary& summary) {
  return {{"events", summary.events},
          {"events_by_kind", events_json(summary)},
          {"nested", summary.nested},
          {"failed", summary.failed},
          {"requests", summary.requests},
          {"requested_bytes", summary.requested_bytes},
          {"largest_request_bytes", summary.largest_request},
          {"sizes_bytes", histogram_json(summary.sizes_log2, ones)},
          {"small_sizes_bytes",
           histogram_json(summary.sizes_small, [](std::size_t i) { return 16 * i; })},
          {"peak_live_bytes", summary.peak_live_bytes},
          {"peak_live_bytes_event", summary.peak_live_bytes_event},
          {"peak_live_blocks", summary.peak_live_blocks},
          {"peak_live_blocks_event", summary.peak_live_blocks_event},
          {"end_live_bytes", summary.end_live_bytes},
          {"end_live_blocks", summary.end_live_blocks},
          {"lifetimes_allocations",
           {{"count", summary.lifetimes},
            {"p50", summary.lifetime_p50},
            {"p90", summary.lifetime_p90},
            {"p99", summary.lifetime_p99},
            {"histogram",
             histogram_json(summary.lifetimes_log2, [](std::size_t i) { return ones(i + 1); })}}},
          {"lifetimes_by_size", lifetimes_by_size_json(summary)},
          {"null_frees", summary.null_frees},
          {"dead_frees", summary.dead_frees},
          {"dead_reallocs", summary.dead_reallocs},
          {"unknown_frees", summary.unknown_frees},
          {"unknown_reallocs", summary.unknown_reallocs},
          {"domain_mix_ups", summary.domain_mix_ups},
          {"arena_requests", summary.arena_requests},
          {"arena_refusals", summary.arena_refusals},
          {"arena_releases", summary.arena_releases},
          {"arena_bytes_peak", summary.arena_bytes_peak},
          {"threads", summary.threads},
          {"interpreters", summary.interpreters},
          {"by_thread", threads_json(summary)},
          {"slots", summary.slots},
          {"digest", summary.digest},
          {"marks", summary.marks},
          {"damage", summary.damage ? nlohmann::json(*summary.damage) : nlohmann::json()}};
}

}  // namespace pymemlab
