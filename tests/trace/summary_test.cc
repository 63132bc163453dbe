// The summary against counting by brute force.
#include "core/trace/summary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>

#include "core/trace/lifetime_histogram.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using testing::random_stream;
using testing::scratch;
using testing::Stream;
using testing::write_stream;

struct Counted {
  struct Block {
    Operation origin;
    std::uint64_t bytes = 0;
    std::uint64_t birth = 0;
  };
  std::map<Slot, Block> live;
  std::map<std::pair<EventKind, Domain>, std::uint64_t> by_kind;
  std::vector<std::uint64_t> lifetimes;
  std::map<std::pair<int, int>, std::uint64_t> by_size;  // bits of the size, of the lifetime
  std::vector<std::uint64_t> sizes;
  std::uint64_t dead_frees = 0, dead_reallocs = 0, mix_ups = 0, null_frees = 0;
  std::uint64_t peak_bytes = 0, peak_bytes_event = 0, peak_blocks = 0, peak_blocks_event = 0;
  std::uint64_t end_bytes = 0, end_blocks = 0;
};

Counted count(const Stream& stream) {
  Counted c;
  std::uint64_t allocations = 0;
  for (std::uint64_t i = 0; i < stream.operations.size(); ++i) {
    const Operation& o = stream.operations[i];
    ++c.by_kind[{o.kind, is_request(o.kind) ? o.domain : Domain::raw}];
    const auto block = c.live.find(o.slot);
    if (takes_new_slot(o.kind) && !o.failed) {
      c.live[o.slot] = {o, o.bytes(), o.nested ? 0 : ++allocations};
      if (!o.nested) c.sizes.push_back(o.bytes());
    } else if (o.kind == EventKind::free) {
      if (o.slot == kNoSlot) {
        ++c.null_frees;
      } else if (block == c.live.end()) {
        ++c.dead_frees;
      } else {
        if (block->second.origin.domain != o.domain) ++c.mix_ups;
        if (!block->second.origin.nested) {
          c.lifetimes.push_back(allocations - block->second.birth + 1);
          ++c.by_size[{std::bit_width(block->second.bytes), std::bit_width(c.lifetimes.back())}];
        }
        c.live.erase(block);
      }
    } else if (o.kind == EventKind::realloc) {
      if (block == c.live.end()) {
        ++c.dead_reallocs;
      } else {
        if (block->second.origin.domain != o.domain) ++c.mix_ups;
        if (!o.failed) block->second.bytes = o.size;
        if (!o.failed && !block->second.origin.nested) c.sizes.push_back(o.size);
      }
    }
    c.end_bytes = 0;
    c.end_blocks = 0;
    for (const auto& [slot, b] : c.live) {
      if (b.origin.nested) continue;
      c.end_bytes += b.bytes;
      ++c.end_blocks;
    }
    if (c.end_bytes > c.peak_bytes) c.peak_bytes = c.end_bytes, c.peak_bytes_event = i;
    if (c.end_blocks > c.peak_blocks) c.peak_blocks = c.end_blocks, c.peak_blocks_event = i;
  }
  return c;
}

// The smallest value that `percent` of all do not exceed.
std::uint64_t quantile(std::vector<std::uint64_t> values, std::uint64_t percent) {
  std::sort(values.begin(), values.end());
  return values[(values.size() * percent + 99) / 100 - 1];
}

TEST(Summary, EqualsCountingByBruteForce) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Stream stream = random_stream({.events = 4000, .seed = seed, .live_about = 60});
    write_stream(stream, scratch("sum.pmtrace"), {.chunk_events = 333});
    TraceReader trace = TraceReader::open(scratch("sum.pmtrace"));
    const TraceSummary summary = summarize(trace);
    const Counted c = count(stream);
    EXPECT_EQ(summary.events, stream.operations.size());
    for (std::size_t kind = 0; kind < kEventKinds; ++kind)
      for (std::size_t domain = 0; domain < kDomains; ++domain) {
        const auto found =
            c.by_kind.find({static_cast<EventKind>(kind), static_cast<Domain>(domain)});
        EXPECT_EQ(summary.by_kind[kind][domain], found == c.by_kind.end() ? 0 : found->second);
      }
    EXPECT_EQ(summary.requests, c.sizes.size());
    std::uint64_t small = 0;
    for (const std::uint64_t n : summary.sizes_small) small += n;
    EXPECT_EQ(small, static_cast<std::uint64_t>(std::count_if(c.sizes.begin(), c.sizes.end(),
                                                              [](auto n) { return n <= 512; })));
    EXPECT_EQ(summary.sizes_log2[0],
              static_cast<std::uint64_t>(std::count(c.sizes.begin(), c.sizes.end(), 0u)));
    EXPECT_EQ(summary.sizes_log2[6],
              static_cast<std::uint64_t>(std::count_if(c.sizes.begin(), c.sizes.end(),
                                                       [](auto n) { return n >= 32 && n < 64; })));
    EXPECT_EQ(summary.peak_live_bytes, c.peak_bytes);
    EXPECT_EQ(summary.peak_live_bytes_event, c.peak_bytes_event);
    EXPECT_EQ(summary.peak_live_blocks, c.peak_blocks);
    EXPECT_EQ(summary.peak_live_blocks_event, c.peak_blocks_event);
    EXPECT_EQ(summary.end_live_bytes, c.end_bytes);
    EXPECT_EQ(summary.end_live_blocks, c.end_blocks);
    EXPECT_EQ(summary.lifetimes, c.lifetimes.size());
    for (int size = 0; size <= 64; ++size) {
      for (int life = 1; life <= 64; ++life) {
        const auto found = c.by_size.find({size, life});
        EXPECT_EQ(summary.lifetimes_by_size[std::size_t(size)][std::size_t(life) - 1],
                  found == c.by_size.end() ? 0 : found->second);
      }
    }
    EXPECT_EQ(summary.lifetime_p50, quantile(c.lifetimes, 50));
    EXPECT_EQ(summary.lifetime_p90, quantile(c.lifetimes, 90));
    EXPECT_EQ(summary.lifetime_p99, quantile(c.lifetimes, 99));
    EXPECT_EQ(summary.dead_frees, c.dead_frees);
    EXPECT_EQ(summary.dead_reallocs, c.dead_reallocs);
    EXPECT_EQ(summary.null_frees, c.null_frees);
    EXPECT_EQ(summary.domain_mix_ups, c.mix_ups);
    EXPECT_EQ(summary.slots, stream.slots);
    EXPECT_EQ(summary.digest, testing::read_all(scratch("sum.pmtrace")).digest);
  }
}

TEST(Summary, CountsArenasThreadsAndOddities) {
  TraceWriter writer = TraceWriter::create(scratch("odd.pmtrace"), {});
  writer.append({.kind = EventKind::arena_alloc, .size = 100, .address = 4096});
  writer.append({.kind = EventKind::arena_alloc, .size = 50, .address = 0});
  writer.append({.kind = EventKind::arena_alloc, .size = 70, .address = 8192});
  writer.append({.kind = EventKind::arena_free, .slot = 0});
  writer.append({.kind = EventKind::thread, .slot = 3});
  writer.append({.kind = EventKind::interpreter, .slot = 1});
  writer.append({.kind = EventKind::free_unknown, .address = 1});
  writer.append({.kind = EventKind::realloc_unknown, .size = 1, .old_address = 1});
  writer.append({.failed = true, .size = 9});
  writer.mark("end");
  writer.finish();
  TraceReader trace = TraceReader::open(scratch("odd.pmtrace"));
  const TraceSummary summary = summarize(trace);
  EXPECT_EQ(summary.arena_requests, 3u);
  EXPECT_EQ(summary.arena_refusals, 1u);
  EXPECT_EQ(summary.arena_releases, 1u);
  EXPECT_EQ(summary.arena_bytes_peak, 170u);
  EXPECT_EQ(summary.threads, 4u);
  EXPECT_EQ(summary.interpreters, 2u);
  EXPECT_EQ(summary.unknown_frees, 1u);
  EXPECT_EQ(summary.unknown_reallocs, 1u);
  EXPECT_EQ(summary.failed, 2u);
  EXPECT_EQ(summary.end_live_blocks, 1u);
  EXPECT_EQ(summary.marks, std::vector<std::string>{"end"});
  EXPECT_EQ(to_json(summary)["events_by_kind"]["arena_alloc"], 3);
}

TEST(LifetimeHistogram, IsExactForSmallNumbersAndNamesTheBinOfLargeOnes) {
  LifetimeHistogram few;
  EXPECT_EQ(few.quantile(50), 0u);
  for (std::uint64_t value = 1; value <= 100; ++value) few.add(value);
  EXPECT_EQ(few.quantile(50), 50u);
  EXPECT_EQ(few.quantile(99), 99u);
  EXPECT_EQ(few.quantile(100), 100u);
  for (const auto& [value, shown] : {std::pair<std::uint64_t, std::uint64_t>{4096, 4096},
                                     {65536, 65536},
                                     {70000, 69632},
                                     {~std::uint64_t{0}, std::uint64_t{31} << 59}}) {
    LifetimeHistogram one;
    one.add(value);
    EXPECT_EQ(one.quantile(50), shown);
  }
}

}  // namespace
}  // namespace pymemlab
