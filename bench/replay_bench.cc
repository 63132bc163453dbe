// The replay loop over the shipped traces: with a target that does nothing (the loop's own cost),
// with libc, with the model's four configurations, and with the real pymalloc of a CPython:
//
//   PYMEMLAB_LIBPYTHON=/usr/lib/libpython3.12.so replay_bench traces/*.pmtrace
//
// The model's profile is 3.11, or what PYMEMLAB_PROFILE names.
//
// One iteration replays the first two million issued events of a trace and then frees what is live;
// time is per event. Real and model's arenas come from the same source. A process holds one
// CPython.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/pymem/memory.h"
#include "core/pymem/system_allocators.h"
#include "core/replay/arena_source.h"
#include "core/replay/null_target.h"
#include "core/replay/real_python.h"
#include "core/replay/replay.h"
#include "core/replay/replay_feed.h"

namespace pymemlab {
namespace {

constexpr std::size_t kMostEvents = 2'000'000;

// A stretch of a trace, and the frees that end it.
struct Stretch {
  std::string name;
  std::vector<ReplayEvent> events;
  std::vector<std::uint64_t> wide;
  std::size_t slots = 0;
};

void free_what_is_live(Stretch& stretch) {
  std::vector<int> live(stretch.slots, -1);  // the domain, or -1
  for (const ReplayEvent e : stretch.events) {
    if (e.kind() == ReplayKind::free) {
      live[e.slot()] = -1;
    } else if (e.kind() != ReplayKind::free_null && e.kind() != ReplayKind::realloc) {
      live[e.slot()] = static_cast<int>(e.domain());
    }
  }
  for (std::uint32_t slot = 0; slot < live.size(); ++slot) {
    if (live[slot] >= 0)
      stretch.events.emplace_back(ReplayKind::free, static_cast<Domain>(live[slot]), 0, slot);
  }
}

Stretch read_stretch(const std::filesystem::path& path) {
  Stretch stretch;
  stretch.name = path.stem().string();
  stretch.events.resize(kMostEvents);
  stretch.wide.resize(kMostEvents);
  ReplayFeed feed(TraceReader::open(path.string()));
  const ReplayFeed::Filled filled = feed.fill(stretch.events, stretch.wide);
  stretch.events.resize(filled.events);
  stretch.wide.resize(filled.wide);
  for (const ReplayEvent e : stretch.events)
    stretch.slots = std::max<std::size_t>(stretch.slots, e.slot() + 1);
  free_what_is_live(stretch);
  return stretch;
}

void run(benchmark::State& state, const Stretch& stretch, const DomainTable& domains) {
  std::vector<void*> live(stretch.slots);
  for (auto _ : state) {
    const std::uint64_t refused =
        replay<Touch::first>(stretch.events, stretch.wide.data(), live, {}, domains);
    if (refused != 0) state.SkipWithError("a request was refused");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(stretch.events.size()));
  state.counters["events"] = static_cast<double>(stretch.events.size());
  state.counters["per_event"] = benchmark::Counter(
      static_cast<double>(stretch.events.size()),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

DomainTable same_for_all(const AllocatorRecord& record) {
  DomainTable domains;
  for (DomainEntry& entry : domains) entry.api = record;
  return domains;
}

void run_model(benchmark::State& state, const Stretch& stretch,
               const Configuration& configuration) {
  ArenaSource source({.policy = ArenaResidue::Policy::random, .seed = 1}, {});
  MemoryOptions options;
  const char* profile = std::getenv("PYMEMLAB_PROFILE");
  options.profile = &profile_named(profile == nullptr ? "3.11" : profile);
  options.configuration = &configuration;
  options.arenas = source.record();
  Memory memory(options);
  DomainTable domains;
  for (std::size_t d = 0; d < kDomains; ++d) domains[d].api = memory.record(static_cast<Domain>(d));
  run(state, stretch, domains);
}

// The CPython that the environment names, loaded when it is first asked for.
const RealPython& real_python() {
  static const RealPython python = RealPython::load(std::getenv("PYMEMLAB_LIBPYTHON"));
  return python;
}

// `record_of`: what serves a domain.
void run_real(benchmark::State& state, const Stretch& stretch,
              AllocatorRecord (*record_of)(const RealPython& python, Domain domain)) {
  // Its pymalloc outlives the run and gives arenas back later.
  static ArenaSource source({.policy = ArenaResidue::Policy::random, .seed = 1}, {});
  const RealPython& python = real_python();
  python.set_arenas(source.record());
  DomainTable domains;
  for (std::size_t d = 0; d < kDomains; ++d) {
    domains[d].api = record_of(python, static_cast<Domain>(d));
  }
  run(state, stretch, domains);
}

void register_benchmarks(const std::vector<Stretch>& stretches) {
  for (const Stretch& stretch : stretches) {
    auto add = [&](std::string_view target, auto body) {
      benchmark::RegisterBenchmark(fmt::format("replay/{}/{}", stretch.name, target).c_str(), body)
          ->Unit(benchmark::kMillisecond);
    };
    add("null", [&](benchmark::State& state) { run(state, stretch, null_domains()); });
    add("glibc",
        [&](benchmark::State& state) { run(state, stretch, same_for_all(libc_raw_allocator())); });
    for (const Configuration& configuration : configurations()) {
      add(configuration.name,
          [&](benchmark::State& state) { run_model(state, stretch, configuration); });
    }
    if (std::getenv("PYMEMLAB_LIBPYTHON") == nullptr) continue;
    add("libpython", [&](benchmark::State& state) {
      run_real(state, stretch, [](const RealPython& p, Domain d) { return p.record(d); });
    });
    add("libpython_public", [&](benchmark::State& state) {
      run_real(state, stretch, [](const RealPython& p, Domain d) {
        return d == Domain::libc ? p.record(d) : p.public_functions(d);
      });
    });
    // What PYTHONMALLOC=malloc puts into every domain.
    add("libpython_malloc", [&](benchmark::State& state) {
      run_real(state, stretch, [](const RealPython& p, Domain) { return p.record(Domain::raw); });
    });
  }
}

}  // namespace
}  // namespace pymemlab

// Usage: replay_bench [benchmark options] TRACE...
int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::vector<pymemlab::Stretch> stretches;
  for (int i = 1; i < argc; ++i) stretches.push_back(pymemlab::read_stretch(argv[i]));
  pymemlab::register_benchmarks(stretches);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
