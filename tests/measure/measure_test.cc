// Footprints add up, equal a brute-force oracle, repeat exactly, and an empty trace measures
// nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "core/base/input_error.h"
#include "core/base/random.h"
#include "core/measure/fragmentation.h"
#include "core/measure/runner.h"
#include "core/os/machine.h"
#include "core/pymem/configuration.h"
#include "core/trace/trace_writer.h"

namespace pymemlab {
namespace {

// What the test knows of its own stream: live bytes and the allocation clock after each event.
struct Known {
  std::vector<std::uint64_t> live;
  std::vector<std::uint64_t> clock;
};

class Trace {
 public:
  explicit Trace(const std::string& name)
      : path(testing::TempDir() + "/" + name + ".pmtrace"),
        writer_(TraceWriter::create(path, {.source = "test"})) {}

  void malloc(Domain domain, std::uint64_t size) {
    live_.push_back({domain, writer_.malloc(domain, size), size});
    note(0, size);
  }
  void free(std::size_t k) {
    const Block block = live_[k];
    writer_.free(block.domain, block.slot);
    live_[k] = live_.back();
    live_.pop_back();
    note(block.size, 0);
  }
  void realloc(std::size_t k, std::uint64_t size) {
    writer_.realloc(live_[k].domain, live_[k].slot, size);
    note(live_[k].size, size);
    live_[k].size = size;
  }
  void mark(const char* text) { writer_.mark(text); }
  [[nodiscard]] std::size_t live_blocks() const { return live_.size(); }
  void finish() { writer_.finish(); }

  std::string path;
  Known known;

 private:
  struct Block {
    Domain domain;
    Slot slot;
    std::uint64_t size;
  };
  void note(std::uint64_t before, std::uint64_t after) {
    live_bytes_ += after - before;
    if (after > before) clock_ += after - before;
    known.live.push_back(live_bytes_);
    known.clock.push_back(clock_);
  }
  TraceWriter writer_;
  std::vector<Block> live_;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t clock_ = 0;
};

// A few thousand events of mixed sizes: growth, churn, teardown.
Trace random_trace(std::uint64_t seed, int events) {
  Trace trace("random-" + std::to_string(seed));
  Random random(seed);
  for (int i = 0; i < events; ++i) {
    const auto domain = static_cast<Domain>(random.below(3));
    const std::uint64_t size = random.chance(1, 30) ? random.below(300'000) : random.below(700);
    const int growth = i < events / 2 ? 4 : 2;
    if (trace.live_blocks() == 0 || random.chance(static_cast<std::uint64_t>(growth), 6)) {
      trace.malloc(domain, size);
    } else if (random.chance(1, 3)) {
      trace.realloc(random.below(trace.live_blocks()), size);
    } else {
      trace.free(random.below(trace.live_blocks()));
    }
  }
  trace.mark("teardown");
  while (trace.live_blocks() > 0) trace.free(trace.live_blocks() - 1);
  trace.finish();
  return trace;
}

std::vector<Cell> all_configurations(const char* profile = "3.11") {
  std::vector<Cell> cells;
  for (const Configuration& configuration : configurations()) {
    cells.push_back({.configuration = std::string(configuration.name),
                     .profile = profile,
                     .geometry = profile_named(profile).geometry,
                     .residue = {.policy = ArenaResidue::Policy::random, .seed = 5}});
  }
  return cells;
}

RunOptions options(std::uint64_t rounds, std::uint64_t samples) {
  RunOptions run;
  run.worker_program = std::getenv("PYMEMLAB");
  run.rounds = rounds;
  run.samples = samples;
  return run;
}

double figure(const Footprint& footprint, std::string_view name, std::uint64_t arena_bytes) {
  for (const Figure& row : fragmentation(footprint, arena_bytes, {.floor_bytes = 0})) {
    if (row.name == name && row.value) return *row.value;
  }
  ADD_FAILURE() << "no figure " << name;
  return 0;
}

TEST(Footprint, AddsUpAtEverySampleInEveryConfigurationAndProfile) {
  const Trace trace = random_trace(1, 20'000);
  for (const char* profile : {"3.6", "3.7", "3.9", "3.10", "3.13", "3.15-hugepages"}) {
    for (const Measurement& m :
         run_cells({survey_trace(trace.path)}, all_configurations(profile), options(0, 300))) {
      SCOPED_TRACE(m.cell.profile + " " + m.cell.configuration);
      ASSERT_TRUE(m.footprint);
      EXPECT_GT(m.footprint->series.size(), 250u);
      for (const FootprintSample& s : m.footprint->series) {
        ASSERT_EQ(s.residual_bytes, 0) << "event " << s.event;
        ASSERT_LE(std::abs(s.unexplained_bytes),
                  16 * 1024 + static_cast<std::int64_t>(s.mapped_bytes / 100))
            << "event " << s.event << " of " << s.mapped_bytes << " mapped bytes";
      }
      EXPECT_TRUE(m.void_reason.empty());
    }
  }
}

// mimalloc's own walk over its heap and the costs of the live blocks, block by block, agree; only
// what it holds beyond its pages is unexplained.
TEST(Footprint, OfMimallocAddsUpRepeatsAndNamesTheEngine) {
  const Trace trace = random_trace(6, 20'000);
  std::vector<Cell> cells;
  for (const char* profile : {"3.13", "3.15"}) {
    for (const char* configuration : {"mimalloc", "mimalloc_debug"}) {
      cells.push_back({.configuration = configuration,
                       .profile = profile,
                       .geometry = profile_named(profile).geometry,
                       .residue = {.policy = ArenaResidue::Policy::random, .seed = 5}});
    }
  }
  const auto measure = [&] {
    return run_cells({survey_trace(trace.path)}, cells, options(1, 300));
  };
  const std::vector<Measurement> once = measure();
  const std::vector<Measurement> again = measure();
  for (std::size_t i = 0; i < once.size(); ++i) {
    SCOPED_TRACE(once[i].cell.profile + " " + once[i].cell.configuration);
    ASSERT_TRUE(once[i].engine);
    EXPECT_EQ(once[i].engine->version.substr(0, 2), "2.");
    ASSERT_TRUE(once[i].footprint && again[i].footprint);
    ASSERT_EQ(once[i].footprint->series.size(), again[i].footprint->series.size());
    for (std::size_t k = 0; k < once[i].footprint->series.size(); ++k) {
      const FootprintSample& s = once[i].footprint->series[k];
      ASSERT_EQ(s.residual_bytes, 0) << "event " << s.event;
      ASSERT_GE(s.unexplained_bytes, 0) << "event " << s.event;
      ASSERT_EQ(s.mapped_bytes, again[i].footprint->series[k].mapped_bytes) << "event " << s.event;
      ASSERT_EQ(s.rounding_bytes, again[i].footprint->series[k].rounding_bytes);
    }
    EXPECT_FALSE(once[i].footprint->peak_heap.in_use);
    EXPECT_GT(once[i].rounds.at(0).events, 0u);
    EXPECT_EQ(once[i].footprint->statistics_text.substr(0, 30), "Small block threshold = 16384,");
  }
}

TEST(Footprint, EqualsABruteForceOracleEventByEvent) {
  for (std::uint64_t seed : {2, 3}) {
    const Trace trace = random_trace(seed, 3000);
    for (const Measurement& m :
         run_cells({survey_trace(trace.path)}, all_configurations(), options(0, 0))) {
      SCOPED_TRACE(m.cell.configuration);
      const std::vector<FootprintSample>& series = m.footprint->series;
      ASSERT_EQ(series.size(), trace.known.live.size() + 0);
      double waste = 0;
      double mapped = 0;
      double ratios = 0;
      std::size_t with_live = 0;
      std::uint64_t clock = 0;
      std::size_t peak_live = 0;
      std::size_t peak_mapped = 0;
      for (std::size_t i = 0; i < series.size(); ++i) {
        ASSERT_EQ(series[i].event, i + 1);
        ASSERT_EQ(series[i].live_bytes, trace.known.live[i]);
        ASSERT_EQ(series[i].allocated_bytes, trace.known.clock[i]);
        const auto c = static_cast<double>(series[i].mapped_bytes);
        const auto l = static_cast<double>(trace.known.live[i]);
        const auto dt = static_cast<double>(trace.known.clock[i] - clock);
        clock = trace.known.clock[i];
        waste += (c - l) * dt;
        mapped += c * dt;
        if (l > 0) {
          ratios += c / l;
          ++with_live;
        }
        if (series[i].live_bytes > series[peak_live].live_bytes) peak_live = i;
        if (series[i].mapped_bytes > series[peak_mapped].mapped_bytes) peak_mapped = i;
      }
      auto over_live = [&](std::size_t c, std::size_t l) {
        return static_cast<double>(series[c].mapped_bytes) /
                   static_cast<double>(series[l].live_bytes) -
               1;
      };
      const Footprint& f = *m.footprint;
      const std::uint64_t z = m.cell.geometry.arena_bytes;
      EXPECT_NEAR(figure(f, "byte_time", z), waste / mapped, 1e-12);
      EXPECT_NEAR(figure(f, "jw1", z), ratios / static_cast<double>(with_live) - 1, 1e-9);
      EXPECT_DOUBLE_EQ(figure(f, "jw2", z), over_live(peak_live, peak_live));
      EXPECT_DOUBLE_EQ(figure(f, "jw3", z), over_live(peak_mapped, peak_mapped));
      EXPECT_DOUBLE_EQ(figure(f, "jw4", z), over_live(peak_mapped, peak_live));
      EXPECT_LE(figure(f, "jw2", z), figure(f, "jw4", z));
      EXPECT_LE(figure(f, "jw4", z), figure(f, "jw3", z));
      EXPECT_EQ(f.peak_live.event, peak_live + 1);
      EXPECT_EQ(f.peak_mapped.event, peak_mapped + 1);
      EXPECT_NEAR((1 - figure(f, "internal_at_peak", z)) * (1 - figure(f, "external_at_peak", z)),
                  1 - figure(f, "total_at_peak", z), 1e-12);
      ASSERT_TRUE(f.before_teardown);
      EXPECT_EQ(f.before_teardown->event, 3000u);
    }
  }
}

TEST(Footprint, RepeatsExactlyButForTheKernelsCount) {
  const Trace trace = random_trace(4, 10'000);
  auto run = [&] {
    return run_cells({survey_trace(trace.path)}, all_configurations(), options(0, 100));
  };
  const std::vector<Measurement> first = run();
  const std::vector<Measurement> second = run();
  for (std::size_t i = 0; i < first.size(); ++i) {
    const auto& a = first[i].footprint->series;
    const auto& b = second[i].footprint->series;
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t k = 0; k < a.size(); ++k) {
      FootprintSample x = a[k];
      FootprintSample y = b[k];
      x.resident_bytes = y.resident_bytes = 0;
      ASSERT_EQ(std::memcmp(&x, &y, sizeof x), 0) << first[i].cell.configuration << " sample " << k;
    }
    EXPECT_EQ(first[i].footprint->statistics_text, second[i].footprint->statistics_text);
  }
}

TEST(Footprint, OfAnEmptyTraceIsNothing) {
  Trace trace("empty");
  trace.finish();
  for (const Measurement& m :
       run_cells({survey_trace(trace.path)}, all_configurations(), options(1, 10))) {
    EXPECT_EQ(m.rounds.front().events, 0u);
    const FootprintSample& end = m.footprint->end;
    EXPECT_EQ(end.mapped_bytes, 0u);
    EXPECT_EQ(end.live_bytes, 0u);
    EXPECT_EQ(end.metadata_bytes, 0u);
    EXPECT_EQ(end.raw_free_bytes, 0);
    EXPECT_EQ(end.unexplained_bytes, 0);
    EXPECT_EQ(end.resident_bytes, 0);
  }
}

TEST(Rounds, EachIsAFreshProcessOverTheWholeTrace) {
  const Trace trace = random_trace(6, 2000);
  for (const Measurement& m :
       run_cells({survey_trace(trace.path)}, all_configurations(), options(3, 10))) {
    ASSERT_EQ(m.rounds.size(), 3u);
    for (const TimeRound& round : m.rounds) {
      EXPECT_EQ(round.events, trace.known.live.size());
      EXPECT_GT(round.nanoseconds, 0u);
    }
  }
}

const LatencyHistogram& latency_of(const Measurement& m, CallKind kind, std::uint64_t bytes) {
  static const LatencyHistogram none;
  for (const Latency::Row& row : m.latency->sizes) {
    if (row.kind == kind && row.from_bytes <= bytes && bytes <= row.to_bytes) return row.histogram;
  }
  return none;
}

TEST(Latency, HasEveryCallUnderItsOperationAndSize) {
  Trace trace("calls");
  for (int i = 0; i < 100; ++i) trace.malloc(Domain::obj, 24);
  for (int i = 0; i < 3; ++i) trace.malloc(Domain::mem, 5000);
  trace.malloc(Domain::raw, 0);
  trace.realloc(0, 700);
  trace.realloc(1, 30);
  for (int i = 0; i < 104; ++i) trace.free(0);  // the last one moves to the place of the freed
  trace.finish();
  RunOptions run = options(0, 10);
  run.footprint = false;
  run.latency = true;
  for (const Measurement& m :
       run_cells({survey_trace(trace.path)}, all_configurations("3.13"), run)) {
    SCOPED_TRACE(m.cell.configuration);
    ASSERT_TRUE(m.latency);
    auto calls = [&](CallKind kind, std::uint64_t bytes) {
      return latency_of(m, kind, bytes).calls();
    };
    EXPECT_EQ(calls(CallKind::malloc, 17), 100u);
    EXPECT_EQ(calls(CallKind::malloc, 5000), 3u);
    EXPECT_EQ(calls(CallKind::malloc, 0), 1u);
    EXPECT_EQ(calls(CallKind::realloc, 700), 1u);
    EXPECT_EQ(calls(CallKind::realloc, 32), 1u);
    EXPECT_EQ(calls(CallKind::free, 32), 99u);
    EXPECT_EQ(calls(CallKind::free, 1024), 1u);
    EXPECT_EQ(calls(CallKind::free, 8192), 3u);
    EXPECT_EQ(calls(CallKind::free, 0), 1u);
    const LatencyTimer& timer = m.latency->timer;
    EXPECT_GT(timer.overhead_ns, 0);
    EXPECT_GT(timer.resolution_ns, 0);
    EXPECT_GE(timer.empty_calls.quantile_ns(0.5) + 1, timer.overhead_ns);
    EXPECT_GE(latency_of(m, CallKind::malloc, 24).quantile_ns(0.5) + 1, timer.overhead_ns);
    EXPECT_TRUE(m.void_reason.empty());
  }
}

TEST(Rounds, WarmOnesFollowColdOnesInTheSameProcessAndStandApart) {
  const Trace trace = random_trace(8, 3000);
  Trace leaves_blocks("leaves");
  for (int i = 0; i < 500; ++i) leaves_blocks.malloc(Domain::obj, 1 + static_cast<unsigned>(i));
  leaves_blocks.finish();
  RunOptions run = options(2, 10);
  run.footprint = false;
  run.warm = 3;
  for (const Trace* which : {&trace, static_cast<const Trace*>(&leaves_blocks)}) {
    for (const Measurement& m : run_cells({survey_trace(which->path)}, all_configurations(), run)) {
      SCOPED_TRACE(m.cell.configuration);
      EXPECT_TRUE(m.void_reason.empty());
      ASSERT_EQ(m.rounds.size(), 2u);
      ASSERT_EQ(m.warm_rounds.size(), 6u);
      for (std::size_t i = 0; i < 6; ++i) {
        EXPECT_EQ(m.warm_rounds[i].repeat, i % 3 + 1);
        EXPECT_EQ(m.warm_rounds[i].round, i / 3);
        EXPECT_EQ(m.warm_rounds[i].events, which->known.live.size());
        EXPECT_GT(m.warm_rounds[i].nanoseconds, 0u);
      }
      // What a cold round asks of the kernel a warm one has.
      EXPECT_LE(m.warm_rounds[2].minor_faults, m.rounds[0].minor_faults);
    }
  }
}

TEST(Rounds, StateTheLoopsOwnCostAndTheProcessor) {
  const Trace trace = random_trace(9, 3000);
  RunOptions run = options(3, 10);
  run.footprint = false;
  run.cpu = allowed_cpus().back();
  for (const Measurement& m : run_cells({survey_trace(trace.path)}, all_configurations(), run)) {
    ASSERT_EQ(m.loop_rounds.size(), 3u);
    for (const TimeRound& loop : m.loop_rounds) {
      EXPECT_EQ(loop.events, m.rounds[0].events);
      EXPECT_GT(loop.nanoseconds, 0u);
    }
    EXPECT_EQ(m.cpu, run.cpu);
  }
}

TEST(Rounds, HaveProcessorCountersOrTheReasonThatThereAreNone) {
  const Trace trace = random_trace(10, 3000);
  RunOptions run = options(1, 10);
  run.footprint = false;
  for (const Measurement& m : run_cells({survey_trace(trace.path)}, all_configurations(), run)) {
    const HardwareCounts& counts = m.rounds[0].hardware;
    const bool some_missing =
        std::count(counts.values.begin(), counts.values.end(), HardwareCounts::kNotGiven) != 0;
    if (m.hardware_error == 0) {
      EXPECT_GT(counts.values[0], m.rounds[0].events);  // an event takes more than one instruction
    } else {
      EXPECT_TRUE(some_missing);
    }
    EXPECT_GT(m.rounds[0].minor_faults, 0u);  // which the kernel always counts
  }
}

TEST(Costs, AreTheSameInEveryRunAndAgreeWithTheArenaSource) {
  const Trace trace = random_trace(11, 20'000);
  auto measure = [&] {
    return run_cells({survey_trace(trace.path)}, all_configurations(), options(0, 10));
  };
  const std::vector<Measurement> first = measure();
  const std::vector<Measurement> second = measure();
  for (std::size_t i = 0; i < first.size(); ++i) {
    SCOPED_TRACE(first[i].cell.configuration);
    const CostCounts& costs = first[i].footprint->scan.costs;
    const CostCounts& again = second[i].footprint->scan.costs;
    EXPECT_GT(costs.reallocs, 1000u);
    EXPECT_GE(costs.reallocs, costs.reallocs_moved);
    EXPECT_EQ(costs.reallocs_moved, again.reallocs_moved);
    const bool pymalloc =
        configuration_named(first[i].cell.configuration).mem_and_obj == Base::pymalloc;
    ASSERT_EQ(costs.heap_counted, pymalloc);
    if (!pymalloc) continue;
    EXPECT_EQ(std::memcmp(&costs.heap, &again.heap, sizeof costs.heap), 0);
    EXPECT_EQ(costs.heap.arena_maps, costs.arena_maps);
    EXPECT_EQ(costs.heap.arena_unmaps, costs.arena_unmaps);
    const HeapStatistics& end = first[i].footprint->end_heap.statistics;
    EXPECT_EQ(costs.arena_maps - costs.arena_unmaps, end.arenas_current);
  }
}

TEST(Rounds, AWorkerThatDiesIsASentenceThatNamesTheCell) {
  const Trace trace = random_trace(7, 100);
  RunOptions run = options(1, 10);
  run.worker_program = "/bin/false";
  try {
    (void)run_cells({survey_trace(trace.path)}, all_configurations(), run);
    FAIL() << "no error";
  } catch (const InputError& error) {
    EXPECT_NE(
        std::string(error.what()).find("model pymalloc 3.11: the worker exited with status 1"),
        std::string::npos)
        << error.what();
  }
  run.worker_program = "/nonexistent";
  EXPECT_THROW((void)run_cells({survey_trace(trace.path)}, all_configurations(), run), InputError);
}

TEST(Figures, AreNullWithAReasonBelowTheFloor) {
  Footprint footprint;
  footprint.scan.peak_live_bytes = 1000;
  for (const Figure& row : fragmentation(footprint, 1 << 20)) {
    EXPECT_FALSE(row.value) << row.name;
    EXPECT_FALSE(row.reason.empty()) << row.name;
  }
}

TEST(Figures, TheWindowFindsTheMomentThatWastedMost) {
  Footprint footprint;
  footprint.scan.peak_live_bytes = 100;
  for (int i = 0; i < 100; ++i) {
    footprint.interval_peaks.push_back(
        {.live_bytes = i >= 40 && i < 60 ? 10u : 100u, .mapped_bytes = 110});
  }
  for (const Figure& row : fragmentation(footprint, 1 << 20, {.floor_bytes = 1, .window = 0.05})) {
    if (row.name == "window_realized") {
      EXPECT_DOUBLE_EQ(*row.value, 10.0);
    }
  }
}

}  // namespace
}  // namespace pymemlab
