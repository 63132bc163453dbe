// One cell's results as plain values: what reports are made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/measure/arena_map.h"
#include "core/measure/footprint.h"
#include "core/measure/latency.h"
#include "core/measure/system_malloc.h"
#include "core/os/hardware_counters.h"
#include "core/pymalloc/geometry.h"
#include "core/replay/arena_source.h"
#include "core/replay/replay.h"
#include "core/replay/replay_feed.h"

namespace pymemlab {

// One (trace, target, configuration, profile, system malloc): what is compared.
struct Cell {
  std::size_t trace = 0;            // index into the run's traces
  std::string target = "model";     // as target_named() knows it
  std::string target_version = {};  // of a real CPython
  std::string configuration = {};
  std::string build = "release";
  std::string profile = {};
  Geometry geometry{};
  SystemMalloc system_malloc = {};
  ArenaResidue residue = {};
  Touch touch = Touch::first;
};

struct TimeRound {
  std::uint64_t round = 0;  // of the run: cells' rounds with one number were taken close together
  std::uint64_t events = 0;
  std::uint64_t nanoseconds = 0;  // inside the replay loop, the loop's own cost included
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  std::uint64_t involuntary_switches = 0;  // the processor was given to somebody else
  HardwareCounts hardware;
  std::uint64_t repeat = 0;  // in its process: 0 is the cold round, others are warm

  [[nodiscard]] double ns_per_event() const noexcept {
    return events == 0 ? 0 : static_cast<double>(nanoseconds) / static_cast<double>(events);
  }
};

struct Footprint {
  FootprintScan scan;
  std::vector<IntervalPeak> interval_peaks;
  std::vector<FootprintSample> series;  // ascending by event; holds the three moments below
  FootprintSample peak_live;            // after the event that first reached peak live bytes
  FootprintSample peak_mapped;
  FootprintSample end;
  std::optional<FootprintSample> before_teardown;  // at the trace's mark "teardown"
  HeapSnapshot peak_heap;
  HeapSnapshot end_heap;
  std::optional<ArenaMap> arena_map;  // if it was asked for and can be seen
  std::string statistics_text;        // CPython's own, at the end; empty if pymalloc is not in use
};

// A library that served a configuration in the model's place.
struct Engine {
  std::string version;  // "2.0.9"
  std::string path;
};

struct Measurement {
  Cell cell;
  std::optional<Engine> engine;          // of the mimalloc configurations
  std::optional<MallocIdentity> malloc;  // what served malloc; nothing if no worker ran
  std::vector<TimeRound> rounds;         // cold: each the first replay in a fresh process
  std::vector<TimeRound> warm_rounds;    // each after others in the same process
  std::vector<TimeRound> loop_rounds;    // of its trace against a target that does nothing
  std::optional<unsigned> cpu;           // that the workers of timed rounds were bound to
  int hardware_error = 0;                // errno, where hardware counters were refused
  std::optional<Footprint> footprint;
  std::string footprint_reason;  // why there is no footprint
  std::optional<Latency> latency;
  std::string latency_reason;  // why there is none
  std::string void_reason;     // not empty: the replay met what the trace does not have
};

// A trace as it was measured.
struct MeasuredTrace {
  std::string path;
  std::string digest;
  TraceMetadata metadata;
  ReplayPlan plan;
  std::optional<std::string> damage;
  std::optional<std::string> approximate;  // why figures of it are, if they are

  // Of its recorded arenas of that size, in order of request.
  [[nodiscard]] std::vector<std::uint64_t> arena_bases(std::uint64_t arena_bytes) const {
    std::vector<std::uint64_t> bases;
    for (const RecordedArena& arena : plan.arenas)
      if (arena.bytes == arena_bytes) bases.push_back(arena.base);
    return bases;
  }
};

}  // namespace pymemlab
