#include "core/measure/round.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/base/input_error.h"
#include "core/measure/worker.h"
#include "core/os/preload.h"
#include "core/pymem/configuration.h"

namespace pymemlab {
namespace {

constexpr const char* kDriver = "libpymemlab-driver.so";

std::string text(const ShortName& name) { return std::string(name.view()); }

MallocIdentity malloc_of(const WorkerResult& result) {
  return {.name = text(result.malloc_name),
          .version = text(result.malloc_version),
          .path = text(result.malloc_path)};
}

void note_outcome(Measurement& measurement, const WorkerResult& result) {
  if (!result.engine_version.view().empty()) {
    measurement.engine =
        Engine{.version = text(result.engine_version), .path = text(result.engine_path)};
  }
  measurement.malloc = malloc_of(result);
  if (result.refused == 0) return;
  measurement.void_reason = fmt::format(
      "{} requests that succeeded when the trace was recorded were refused here", result.refused);
}

TimeRound time_round(const TimedReplay& timed, std::uint64_t round, std::uint64_t repeat) {
  return {.round = round,
          .events = timed.events,
          .nanoseconds = timed.nanoseconds,
          .minor_faults = timed.minor_faults,
          .major_faults = timed.major_faults,
          .involuntary_switches = timed.involuntary_switches,
          .hardware = timed.hardware,
          .repeat = repeat};
}

FootprintSample sample_at(const std::vector<FootprintSample>& series, std::uint64_t event) {
  const auto found =
      std::lower_bound(series.begin(), series.end(), event,
                       [](const FootprintSample& s, std::uint64_t e) { return s.event < e; });
  return found == series.end() ? FootprintSample{} : *found;
}

// Mallocs that are only asked now and then, and whose memory comes and goes with the clock, may
// show more in the second pass than in the first: the highest seen is the peak.
void raise_peak(Footprint& footprint) {
  for (const FootprintSample& sample : footprint.series) {
    if (sample.mapped_bytes <= footprint.peak_mapped.mapped_bytes) continue;
    footprint.peak_mapped = sample;
  }
  if (footprint.peak_mapped.mapped_bytes <= footprint.scan.peak_mapped_bytes) return;
  footprint.scan.peak_mapped_bytes = footprint.peak_mapped.mapped_bytes;
  footprint.scan.peak_mapped_event = footprint.peak_mapped.event;
  footprint.scan.live_at_peak_mapped = footprint.peak_mapped.live_bytes;
}

WorkerJob sample_job(const MeasuredTrace& trace, WorkerJob job, const FootprintScan& scan,
                     std::uint64_t samples) {
  job.pass = Pass::sample;
  job.every_event = samples == 0;
  job.sample_room =
      (job.every_event ? trace.plan.counts.issued : job.intervals) + job.moments.size() + 1;
  job.peak_moment = scan.peak_mapped_event;
  job.moments = {scan.peak_live_event, scan.peak_mapped_event,
                 trace.plan.teardown_event.value_or(~0ull), ~0ull};
  std::sort(job.moments.begin(), job.moments.end());
  return job;
}

// Returns how many moments there are to be, besides those of `job.moments` and the end.
std::uint64_t plan_map(WorkerJob& job, const FootprintScan& scan, std::uint64_t wanted) {
  if (wanted == 0 || scan.peak_arena_bytes == 0) return 0;
  const std::uint64_t arenas = scan.peak_arena_bytes / job.geometry.arena_bytes;
  const std::uint64_t moments = map_moments_that_fit(wanted, arenas, job.geometry);
  job.map_every = (scan.events + moments - 1) / moments;
  job.map_room = map_room(moments + job.moments.size() + 1, arenas, job.geometry);
  return moments;
}

void take_map(const WorkerChannel& channel, std::uint64_t wanted, std::uint64_t planned,
              Footprint& footprint) {
  const std::span<const std::byte> written = channel.map().first(channel.result().map_bytes);
  if (written.empty()) return;
  footprint.arena_map = ArenaMap{.moments_wanted = wanted,
                                 .moments_planned = planned,
                                 .moments = read_map_moments(written, channel.job().geometry)};
}

void take_series(const MeasuredTrace& trace, const WorkerChannel& channel, Footprint& footprint) {
  const WorkerResult& result = channel.result();
  footprint.series.assign(channel.samples().begin(),
                          channel.samples().begin() + static_cast<std::ptrdiff_t>(result.samples));
  footprint.peak_live = sample_at(footprint.series, footprint.scan.peak_live_event);
  footprint.peak_mapped = sample_at(footprint.series, footprint.scan.peak_mapped_event);
  if (!footprint.series.empty()) footprint.end = footprint.series.back();
  if (trace.plan.teardown_event)
    footprint.before_teardown = sample_at(footprint.series, *trace.plan.teardown_event);
  footprint.peak_heap = result.peak_heap;
  footprint.end_heap = result.end_heap;
  footprint.statistics_text = channel.text().data();
}

}  // namespace

WorkerJob job_for(const MeasuredTrace& trace, const Cell& cell, Pass pass) {
  WorkerJob job;
  job.pass = pass;
  job.touch = cell.touch;
  job.target = ShortName(cell.target);
  job.profile = ShortName(cell.profile);
  job.configuration = ShortName(cell.configuration);
  job.geometry = cell.geometry;
  job.residue = cell.residue;
  job.slots = trace.plan.slots;
  job.recorded_arenas = trace.arena_bases(cell.geometry.arena_bytes).size();
  job.clock_bytes = trace.plan.clock_bytes;
  return job;
}

Round::Round(const MeasuredTrace* trace, const DecodedTrace* decoded, const Cell& cell,
             const RunOptions& options, const WorkerJob& job)
    : trace_(trace),
      decoded_(decoded),
      cell_(cell),
      options_(options),
      target_(target_named(cell.target)),
      channel_(WorkerChannel::create(job)) {
  if (trace == nullptr) {
    said_ = MemoryFile::create("pymemlab-said", 0);
    return;
  }
  const std::vector<std::uint64_t> bases = trace->arena_bases(cell.geometry.arena_bytes);
  std::copy(bases.begin(), bases.end(), channel_.recorded_bases().begin());
}

const WorkerChannel& Round::run_repeatedly(
    std::uint64_t repeats, const std::function<void(const TimedReplay&)>& replayed) {
  ChildProcess worker = start();
  expect(worker, worker.receive(), 'r');
  if (channel_.job().pass == Pass::probe) {
    expect(worker, worker.receive(), 'd');
  } else {
    for (std::uint64_t left = repeats; left > 0; --left) {
      replay(worker, true);
      replayed(channel_.result().timed);
      command(worker, 'n');
    }
    replay(worker, false);
    command(worker, 'e');
  }
  static_cast<void>(worker.wait());
  expect_malloc();
  return channel_;
}

ChildProcess Round::start() const {
  const std::string ours =
      options_.worker_program.empty() ? running_program() : options_.worker_program;
  ChildOptions child;
  child.program = ours;
  child.arguments = {kWorkerArgument};
  std::string preloads = cell_.system_malloc.library;
  std::optional<Preload> driver;
  if (target_.kind == TargetKind::python) {
    driver.emplace(kDriver, ours);
    child.program = target_.path;
    child.arguments = {"-c", ""};  // what it does if it is not driven: nothing
    preloads = fmt::format("{}{}{}", driver->component(), preloads.empty() ? "" : ":", preloads);
  }
  // The user's own preloads might be mallocs: a cell is what its name says.
  child.environment = cell_.system_malloc.environment;
  child.environment.emplace_back("LD_PRELOAD", preloads);
  // Memory figures must not depend on where randomisation puts things; times must not be tied to
  // one layout.
  child.fixed_addresses = !is_timed(channel_.job().pass);
  if (is_timed(channel_.job().pass)) child.cpu = options_.cpu;
  child.memory_descriptor = channel_.descriptor();
  if (said_) child.error_descriptor = said_->descriptor();
  return ChildProcess::start(child);
}

void Round::replay(ChildProcess& worker, bool cleans_up) {
  std::optional<ReplayFeed> feed;
  if (decoded_ == nullptr) feed.emplace(TraceReader::open(trace_->path));
  DecodedTrace::Place place;
  while (true) {
    const ReplayFeed::Filled filled =
        feed ? feed->fill(channel_.events(), channel_.wide())
             : decoded_->fill(place, channel_.events(), channel_.wide());
    if (filled.events == 0) break;
    channel_.filled_events() = filled.events;
    command(worker, 'w');
  }
  std::size_t freed = 0;
  while (cleans_up) {
    channel_.filled_events() = feed ? feed->fill_clean_up(channel_.events())
                                    : decoded_->fill_clean_up(freed, channel_.events());
    if (channel_.filled_events() == 0) break;
    command(worker, 't');
  }
}

void Round::command(ChildProcess& worker, char what) {
  const bool sent = worker.send(what);
  expect(worker, sent ? worker.receive() : std::nullopt, 'd');
}

void Round::expect(ChildProcess& worker, std::optional<char> answer, char wanted) const {
  if (answer == wanted) return;
  if (answer == 'x') throw InputError("{}: {}", name(), channel_.text().data());
  const std::string end = worker.wait();
  if (target_.kind == TargetKind::python && end.empty()) {
    throw InputError(
        "{}: it does not load what is preloaded into it, so it cannot be driven from inside; "
        "libpython:PATH with its shared library may work",
        name());
  }
  throw InputError("{}: the worker {} {}", name(), end.empty() ? "ended" : end,
                   trace_ == nullptr ? "when it started" : "during the replay");
}

// A library that the loader could not preload is left out without a word.
void Round::expect_malloc() const {
  const SystemMalloc& wanted = cell_.system_malloc;
  const WorkerResult& found = channel_.result();
  const std::string_view file =
      std::string_view(wanted.library).substr(wanted.library.rfind('/') + 1);
  if (wanted.library.empty() || found.malloc_name.view() == wanted.allocator() ||
      found.malloc_path.view().ends_with(file))
    return;
  throw InputError("{}: {} was preloaded, but malloc is that of {}", name(), wanted.library,
                   found.malloc_path.view());
}

std::string Round::name() const {
  const std::string malloc =
      cell_.system_malloc.library.empty() ? "" : fmt::format(" {}", cell_.system_malloc.name);
  if (trace_ == nullptr) return fmt::format("{}{}", cell_.target, malloc);
  return fmt::format("{}: {} {} {}{}", trace_->path, cell_.target, cell_.configuration,
                     cell_.profile, malloc);
}

TimeRound measure_loop(const MeasuredTrace& trace, const DecodedTrace* decoded, const Cell& cell,
                       const RunOptions& options, std::uint64_t round) {
  Cell null_cell = cell;  // whatever serves malloc: nobody asks it
  null_cell.target = "model";
  null_cell.system_malloc = {};
  Round worker(&trace, decoded, null_cell, options, job_for(trace, null_cell, Pass::loop));
  return time_round(worker.run().result().timed, round, 0);
}

void measure_time(const MeasuredTrace& trace, const DecodedTrace* decoded,
                  const RunOptions& options, std::uint64_t round, Measurement& measurement) {
  Round worker(&trace, decoded, measurement.cell, options,
               job_for(trace, measurement.cell, Pass::time));
  std::uint64_t repeat = 0;
  auto add = [&](const TimedReplay& timed) {
    auto& rounds = repeat == 0 ? measurement.rounds : measurement.warm_rounds;
    rounds.push_back(time_round(timed, round, repeat++));
  };
  const WorkerResult& result = worker.run_repeatedly(options.warm, add).result();
  add(result.timed);
  note_outcome(measurement, result);
  measurement.hardware_error = result.hardware_error;
  measurement.cpu =
      result.cpu < 0 ? std::nullopt : std::optional(static_cast<unsigned>(result.cpu));
}

void measure_latency(const MeasuredTrace& trace, const DecodedTrace* decoded,
                     const RunOptions& options, Measurement& measurement) {
  const Cell& cell = measurement.cell;
  Round worker(&trace, decoded, cell, options, job_for(trace, cell, Pass::latency));
  const WorkerChannel& channel = worker.run();
  const WorkerResult& result = channel.result();
  note_outcome(measurement, result);
  Latency latency{.timer = {.clock = text(result.latency_clock),
                            .resolution_ns = result.clock_resolution_ns,
                            .overhead_ns = result.clock_overhead_ns,
                            .empty_calls = channel.latencies().empty_calls()},
                  .sizes = {}};
  const SizeRanges ranges(cell.geometry.alignment);
  for (std::size_t k = 0; k < kCallKinds; ++k) {
    for (std::size_t r = 0; r < ranges.count(); ++r) {
      const auto kind = static_cast<CallKind>(k);
      const LatencyHistogram& histogram = channel.latencies().at(kind, r);
      if (histogram.calls() == 0) continue;
      latency.sizes.push_back({.kind = kind,
                               .from_bytes = ranges.from_bytes(r),
                               .to_bytes = ranges.to_bytes(r),
                               .histogram = histogram});
    }
  }
  measurement.latency = std::move(latency);
}

void measure_footprint(const MeasuredTrace& trace, const DecodedTrace* decoded,
                       const RunOptions& options, Measurement& measurement) {
  const Cell& cell = measurement.cell;
  if (target_named(cell.target).is_real() &&
      configuration_named(cell.configuration).mem_and_obj == Base::mimalloc) {
    measurement.footprint_reason =
        "CPython's own mimalloc shares its heap with the interpreter and tells nothing of one "
        "block";
    return;
  }
  Footprint footprint;
  WorkerJob job = job_for(trace, cell, Pass::scan);
  job.intervals = std::max<std::uint64_t>(1, options.samples);
  {
    Round scan(&trace, decoded, cell, options, job);
    const WorkerChannel& channel = scan.run();
    note_outcome(measurement, channel.result());
    footprint.scan = channel.result().scan;
    footprint.interval_peaks.assign(channel.interval_peaks().begin(),
                                    channel.interval_peaks().end());
  }
  job = sample_job(trace, job, footprint.scan, options.samples);
  const std::uint64_t moments = plan_map(job, footprint.scan, options.arena_map_moments);
  Round sample(&trace, decoded, cell, options, job);
  const WorkerChannel& channel = sample.run();
  take_series(trace, channel, footprint);
  take_map(channel, options.arena_map_moments, moments, footprint);
  raise_peak(footprint);
  measurement.footprint = std::move(footprint);
}

Probe probe(const std::string& target, const SystemMalloc& system_malloc,
            const std::string& configuration, const RunOptions& options) {
  const Cell cell{.target = target, .system_malloc = system_malloc};
  WorkerJob job;
  job.pass = Pass::probe;
  job.target = ShortName(target);
  job.configuration = ShortName(configuration);
  job.profile = ShortName(profiles().back().name);
  job.geometry = profiles().back().geometry;
  Round round(nullptr, nullptr, cell, options, job);
  try {
    round.run();
  } catch (const InputError& error) {
    const std::string said = round.said();
    if (said.empty()) throw;
    throw InputError("{}; it said: {}", error.what(), said.substr(0, said.find('\n')));
  }
  const WorkerResult& result = round.result();
  return {.target_version = text(result.target_version),
          .alignment = result.alignment,
          .malloc = malloc_of(result),
          .said = round.said()};
}

}  // namespace pymemlab
