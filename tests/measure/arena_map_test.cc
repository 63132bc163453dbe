// The arena map agrees with the heap's own statistics, changes nothing that is measured, and stays
// within its bounds.
#include "core/measure/arena_map.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "core/base/random.h"
#include "core/measure/runner.h"
#include "core/pymem/profile.h"
#include "core/report/arena_map_json.h"
#include "core/trace/trace_writer.h"

namespace pymemlab {
namespace {

// Blocks of all size classes, of which then all but one in twenty are freed.
std::string draining_trace() {
  std::string path = testing::TempDir() + "/draining.pmtrace";
  TraceWriter writer = TraceWriter::create(path, {.source = "test"});
  Random random(3);
  std::vector<Slot> slots;
  for (int i = 0; i < 20'000; ++i)
    slots.push_back(writer.malloc(Domain::obj, 1 + random.below(512)));
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (i % 20 != 0) writer.free(Domain::obj, slots[i]);
  }
  writer.finish();
  return path;
}

Measurement measured(const char* profile, std::uint64_t moments,
                     const char* configuration = "pymalloc") {
  RunOptions options;
  options.worker_program = std::getenv("PYMEMLAB");
  options.rounds = 0;
  options.samples = 50;
  options.arena_map_moments = moments;
  const Cell cell{.configuration = configuration,
                  .profile = profile,
                  .geometry = profile_named(profile).geometry,
                  .residue = {.policy = ArenaResidue::Policy::random, .seed = 5}};
  return run_cells({survey_trace(draining_trace())}, {cell}, options).front();
}

// What a moment says, added up as the heap's statistics add it up.
HeapStatistics sums_of(const ArenaMap::Moment& moment, const Geometry& geometry) {
  HeapStatistics sums;
  sums.arenas_current = moment.arenas.size();
  std::size_t live = 0;
  for (const MappedArena& arena : moment.arenas) {
    sums.allocated_bytes += arena.used_bytes;
    live += arena.live_blocks;
  }
  for (const MappedPool& pool : moment.pools) {
    if (pool.kind == MappedPool::kNone) {
      sums.alignment_bytes += geometry.pool_bytes;
    } else if (pool.kind < MappedPool::kFirstClass) {
      ++sums.unused_pools;
    } else {
      ++sums.classes[pool.kind - MappedPool::kFirstClass].pools;
    }
  }
  sums.classes[63].live_blocks = live;  // of all classes together
  return sums;
}

void expect_equal(const ArenaMap::Moment& moment, const HeapStatistics& statistics,
                  const Geometry& geometry) {
  const HeapStatistics sums = sums_of(moment, geometry);
  EXPECT_EQ(sums.arenas_current, statistics.arenas_current);
  EXPECT_EQ(sums.allocated_bytes, statistics.allocated_bytes);
  EXPECT_EQ(sums.alignment_bytes, statistics.alignment_bytes);
  EXPECT_EQ(sums.unused_pools, statistics.unused_pools);
  std::size_t live = 0;
  for (std::size_t c = 0; c < statistics.size_classes; ++c) {
    EXPECT_EQ(sums.classes[c].pools, statistics.classes[c].pools) << "class " << c;
    live += statistics.classes[c].live_blocks;
  }
  EXPECT_EQ(sums.classes[63].live_blocks, live);
}

TEST(ArenaMap, AgreesWithTheHeapsStatisticsAtThePeakAndAtTheEndInEveryGeometry) {
  for (const char* profile : {"3.6", "3.7", "3.10", "3.13", "3.15-hugepages"}) {
    SCOPED_TRACE(profile);
    const Measurement m = measured(profile, 8);
    ASSERT_TRUE(m.footprint && m.footprint->arena_map);
    const ArenaMap& map = *m.footprint->arena_map;
    EXPECT_EQ(map.moments_planned, 8u);
    EXPECT_GE(map.moments.size(), 8u);
    for (std::size_t i = 1; i < map.moments.size(); ++i)
      EXPECT_GT(map.moments[i].event, map.moments[i - 1].event);
    std::size_t peaks = 0;
    for (const ArenaMap::Moment& moment : map.moments) {
      if (moment.event != m.footprint->scan.peak_mapped_event) continue;
      expect_equal(moment, m.footprint->peak_heap.statistics, m.cell.geometry);
      ++peaks;
    }
    EXPECT_EQ(peaks, 1u);
    EXPECT_EQ(map.moments.back().event, m.footprint->scan.events);
    expect_equal(map.moments.back(), m.footprint->end_heap.statistics, m.cell.geometry);
  }
}

TEST(ArenaMap, SeesThePhaseThatOnlyFrees) {
  const Measurement m = measured("3.13", 10);
  std::size_t moments = 0;
  for (const ArenaMap::Moment& moment : m.footprint->arena_map->moments)
    if (moment.event > 20'000) ++moments;
  EXPECT_GE(moments, 4u);
}

TEST(ArenaMap, ChangesNoFigure) {
  const Measurement with = measured("3.13", 8);
  const Measurement without = measured("3.13", 0);
  EXPECT_FALSE(without.footprint->arena_map);
  ASSERT_EQ(with.footprint->series.size(), without.footprint->series.size());
  for (std::size_t i = 0; i < with.footprint->series.size(); ++i) {
    FootprintSample a = with.footprint->series[i];
    FootprintSample b = without.footprint->series[i];
    a.resident_bytes = b.resident_bytes = 0;
    ASSERT_EQ(std::memcmp(&a, &b, sizeof a), 0) << "sample " << i;
  }
}

TEST(ArenaMap, IsAbsentWherePymallocIsNotInUse) {
  EXPECT_FALSE(measured("3.13", 8, "malloc").footprint->arena_map);
}

TEST(ArenaMap, OfALargeHeapHasFewerMoments) {
  const Geometry& geometry = kGeometry311;
  EXPECT_EQ(map_moments_that_fit(48, 100, geometry), 48u);
  const std::uint64_t few = map_moments_that_fit(48, 2000, geometry);
  EXPECT_LT(few, 48u);
  EXPECT_LE(map_room(few, 2000, geometry), kMostMapBytes);
  EXPECT_EQ(map_moments_that_fit(48, 1'000'000, geometry), 1u);
}

TEST(Base64, IsThatOfTheStandard) {
  auto coded = [](std::string_view text) { return base64(std::as_bytes(std::span(text))); };
  EXPECT_EQ(coded(""), "");
  EXPECT_EQ(coded("f"), "Zg==");
  EXPECT_EQ(coded("fo"), "Zm8=");
  EXPECT_EQ(coded("foo"), "Zm9v");
  EXPECT_EQ(coded("\xff\xfe\xfd"), "//79");
}

}  // namespace
}  // namespace pymemlab
