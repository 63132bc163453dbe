#include "core/measure/latency_pass.h"

#include <algorithm>
#include <cstring>

#include "core/replay/call.h"
#include "core/replay/null_target.h"

namespace pymemlab {
namespace {

constexpr std::size_t kTrials = 20'001;

}  // namespace

LatencyPass::LatencyPass(const DomainTable& domains, const WorkerChannel& channel)
    : domains_(domains),
      touch_(channel.job().touch),
      result_(&channel.result()),
      table_(channel.latencies()),
      ranges_(channel.job().geometry.alignment),
      tsc_(has_steady_tsc()),
      live_(channel.job().slots),
      sizes_(channel.job().slots) {
  for (void*& block : live_) block = nullptr;  // touches every page before the clock is read
  for (std::uint64_t& bytes : sizes_) bytes = 0;
  if (tsc_) {
    set_up<TscTicks>();
  } else {
    set_up<MonotonicTicks>();
  }
}

template <typename Ticks>
void LatencyPass::set_up() noexcept {
  scale_ = measure_ticks<Ticks>();
  result_->latency_clock = ShortName(Ticks::kName);
  result_->clock_resolution_ns = scale_.resolution_ns;
  MappedArray<std::uint64_t> trials(kTrials);
  for (std::uint64_t& ticks : trials) {
    const std::uint64_t begin = Ticks::begin();
    ticks = Ticks::end() - begin;
  }
  std::nth_element(trials.begin(), trials.begin() + kTrials / 2, trials.end());
  result_->clock_overhead_ns = static_cast<double>(trials[kTrials / 2]) * scale_.ns_per_tick;

  // Read anew before each call, as the replay does.
  const AllocatorRecord empty = null_domains()[0].api;
  const AllocatorRecord* volatile api = &empty;
  for (std::size_t i = 0; i < kTrials; ++i) {
    const AllocatorRecord& record = *api;
    const std::uint64_t begin = Ticks::begin();
    static_cast<void>(record.malloc(record.context, i));
    const std::uint64_t ticks = Ticks::end() - begin;
    table_.empty_calls().add(static_cast<double>(ticks) * scale_.ns_per_tick);
  }
}

void LatencyPass::window(std::span<const ReplayEvent> events, const std::uint64_t* wide) noexcept {
  if (tsc_) {
    for (const ReplayEvent event : events) perform<TscTicks>(event, wide);
  } else {
    for (const ReplayEvent event : events) perform<MonotonicTicks>(event, wide);
  }
}

template <typename Ticks>
void LatencyPass::perform(ReplayEvent event, const std::uint64_t*& wide) noexcept {
  const AllocatorRecord& api = domains_[event.domain_index()].api;
  const Call call = call_of(event, wide);
  const std::uint32_t slot = event.slot();
  void* const block = call.takes_block ? live_[slot] : nullptr;
  const std::size_t old_bytes = call.takes_block ? sizes_[slot] : 0;
  void* given = nullptr;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  switch (call.kind) {
    case CallKind::malloc:
      begin = Ticks::begin();
      given = api.malloc(api.context, call.size);
      end = Ticks::end();
      break;
    case CallKind::calloc:
      begin = Ticks::begin();
      given = api.calloc(api.context, call.count, call.size);
      end = Ticks::end();
      break;
    case CallKind::realloc:
      begin = Ticks::begin();
      given = api.realloc(api.context, block, call.size);
      end = Ticks::end();
      break;
    case CallKind::free:
      begin = Ticks::begin();
      api.free(api.context, block);
      end = Ticks::end();
      return took(call.kind, ranges_.of(old_bytes), end - begin);
  }
  took(call.kind, ranges_.of(call.bytes()), end - begin);
  keep(slot, given, call, old_bytes);
}

void LatencyPass::took(CallKind kind, std::size_t range, std::uint64_t ticks) noexcept {
  table_.at(kind, range).add(static_cast<double>(ticks) * scale_.ns_per_tick);
}

// A realloc that was refused leaves the block as it was; any other request leaves none.
void LatencyPass::keep(std::uint32_t slot, void* block, const Call& call,
                       std::size_t old_bytes) noexcept {
  if (block == nullptr) [[unlikely]] {
    ++result_->refused;
    if (!call.takes_block) {
      live_[slot] = nullptr;
      sizes_[slot] = 0;
    }
    return;
  }
  const std::size_t bytes = call.bytes();
  live_[slot] = block;
  sizes_[slot] = bytes;
  if (touch_ == Touch::first && !call.takes_block && bytes != 0)
    *static_cast<volatile unsigned char*>(block) = 1;
  if (touch_ == Touch::all && bytes > old_bytes)
    std::memset(static_cast<char*>(block) + old_bytes, 1, bytes - old_bytes);
}

}  // namespace pymemlab
