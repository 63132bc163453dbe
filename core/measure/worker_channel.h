// The memory that the measuring process and its worker share: the job, one window of events, and
// the results. The worker reads no file and allocates nothing of ours: everything it needs is here.
//
// The talk, one byte each way over the child's channel:
//
//   worker: 'r' ready           (set up, baselines taken), or 'x': cannot, text() says why
//   parent: 'w' window filled   worker: 'd' replayed         ... repeated ...
//   parent: 't' window filled   worker: 'd' replayed, untimed (Pass::time alone)
//   parent: 'n' next replay     worker: 'd' its counts start again (Pass::time alone)
//   parent: 'e' end of trace    worker: 'd' results written, then it exits
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "core/measure/footprint.h"
#include "core/measure/latency.h"
#include "core/os/hardware_counters.h"
#include "core/os/mapped_region.h"
#include "core/os/process.h"
#include "core/pymalloc/geometry.h"
#include "core/replay/arena_source.h"
#include "core/replay/replay.h"
#include "core/replay/replay_event.h"

namespace pymemlab {

enum class Pass : std::uint8_t {
  time,     // the clock around the loop, nothing else
  loop,     // the same with a target that does nothing: the loop's own cost
  scan,     // event-exact extremes and integrals
  sample,   // the full identity at chosen moments
  latency,  // the clock around each call
  probe,    // no replay: what the target and the malloc say of themselves
};

// Passes whose figures are times: nothing is counted in them, and addresses lie where they may.
[[nodiscard]] constexpr bool is_timed(Pass pass) noexcept {
  return pass == Pass::time || pass == Pass::loop || pass == Pass::latency;
}

// A short name in shared memory.
struct ShortName {
  std::array<char, 400> text{};
  ShortName() = default;
  explicit ShortName(std::string_view name) {
    std::memcpy(text.data(), name.data(), std::min(name.size(), text.size() - 1));
  }
  [[nodiscard]] std::string_view view() const { return text.data(); }
};

// What to do. Plain values only.
struct WorkerJob {
  Pass pass = Pass::time;
  Touch touch = Touch::first;
  ShortName target{"model"};
  ShortName profile;
  ShortName configuration;
  Geometry geometry{};
  ArenaResidue residue;
  std::uint64_t slots = 0;
  std::uint64_t window_events = 1u << 17;
  std::uint64_t recorded_arenas = 0;  // bases that follow
  // Footprint passes: the clock at the end, how many equal intervals it is cut into, how many
  // samples there is room for, and for Pass::sample further moments (issued events before them),
  // ascending, unused ones ~0.
  std::uint64_t clock_bytes = 0;
  std::uint64_t intervals = 0;
  std::uint64_t sample_room = 0;
  bool every_event = false;  // Pass::sample: after each event, not each interval
  std::array<std::uint64_t, 4> moments = {~0ull, ~0ull, ~0ull, ~0ull};
  // Pass::sample: how many events lie between two moments of the arena map, and room for what is
  // written of them. 0: there is no map.
  std::uint64_t map_every = 0;
  std::uint64_t map_room = 0;
  // Of `moments`: where the heap's statistics are kept (the moment of peak mapped bytes).
  std::uint64_t peak_moment = ~0ull;
};

// One timed replay of a trace.
struct TimedReplay {
  std::uint64_t events = 0;
  std::uint64_t nanoseconds = 0;  // inside the loop alone
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  std::uint64_t involuntary_switches = 0;
  HardwareCounts hardware;
};

struct WorkerResult {
  ShortName engine_version;  // of the library that served in the model's place, "" if none did
  ShortName engine_path;
  ShortName target_version;     // of a real CPython
  std::uint64_t alignment = 0;  // and the spacing of its size classes, if it was asked
  ShortName malloc_name;        // what serves malloc in the worker
  ShortName malloc_version;
  ShortName malloc_path;
  std::int64_t cpu = -1;  // that the worker is bound to; -1: to none
  std::uint64_t refused = 0;
  TimedReplay timed;
  int hardware_error = 0;  // errno, where hardware counters were refused
  ShortName latency_clock;
  double clock_resolution_ns = 0;
  double clock_overhead_ns = 0;
  FootprintScan scan;
  std::uint64_t samples = 0;
  std::uint64_t map_bytes = 0;  // written of the arena map
  HeapSnapshot peak_heap;
  HeapSnapshot end_heap;
};

class WorkerChannel {
 public:
  static constexpr std::size_t kTextBytes = 1 << 15;

  // Parent: makes the shared memory. Throws InputError when there is none to be had.
  static WorkerChannel create(const WorkerJob& job);
  // Worker: from its ChildProcess::kMemory.
  static WorkerChannel attach();

  [[nodiscard]] int descriptor() const noexcept { return file_.descriptor(); }
  [[nodiscard]] const WorkerJob& job() const noexcept { return head().job; }
  [[nodiscard]] WorkerResult& result() const noexcept { return head().result; }
  // The current window: how much of events() and wide() is filled.
  [[nodiscard]] std::uint64_t& filled_events() const noexcept { return head().filled_events; }
  [[nodiscard]] std::span<ReplayEvent> events() const noexcept { return array<ReplayEvent>(0); }
  [[nodiscard]] std::span<std::uint64_t> wide() const noexcept { return array<std::uint64_t>(1); }
  [[nodiscard]] std::span<std::uint64_t> recorded_bases() const noexcept {
    return array<std::uint64_t>(2);
  }
  [[nodiscard]] std::span<IntervalPeak> interval_peaks() const noexcept {
    return array<IntervalPeak>(3);
  }
  [[nodiscard]] std::span<FootprintSample> samples() const noexcept {
    return array<FootprintSample>(4);
  }
  // REQUIRES: the pass is Pass::latency.
  [[nodiscard]] LatencyTable latencies() const noexcept {
    return LatencyTable(array<LatencyHistogram>(6));
  }
  // A message ('x') or the statistics text at the end; NUL-terminated.
  [[nodiscard]] std::span<char> text() const noexcept { return array<char>(5); }
  // The arena map, as core/measure/arena_map.h writes it.
  [[nodiscard]] std::span<std::byte> map() const noexcept { return array<std::byte>(7); }
  void set_text(std::string_view text) const noexcept;

 private:
  struct Head {
    WorkerJob job;
    WorkerResult result;
    std::uint64_t filled_events = 0;
  };
  struct Array {
    std::size_t offset = 0;
    std::size_t size = 0;
  };
  static std::array<Array, 8> layout(const WorkerJob& job);
  [[nodiscard]] Head& head() const noexcept { return *reinterpret_cast<Head*>(region_.data()); }
  template <typename T>
  [[nodiscard]] std::span<T> array(std::size_t i) const noexcept {
    return {reinterpret_cast<T*>(region_.data() + arrays_[i].offset), arrays_[i].size};
  }

  WorkerChannel(MemoryFile file, MappedRegion region);
  MemoryFile file_;
  MappedRegion region_;
  std::array<Array, 8> arrays_;
};

}  // namespace pymemlab
