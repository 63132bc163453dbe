#include "core/measure/runner.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "core/base/input_error.h"
#include "core/base/random.h"
#include "core/measure/worker.h"
#include "core/measure/worker_channel.h"

namespace pymemlab {
namespace {

std::string cell_name(const MeasuredTrace& trace, const Cell& cell) {
  return fmt::format("{}: {} {} {}", trace.path, cell.target, cell.configuration, cell.profile);
}

// One worker over one trace.
class Round {
 public:
  Round(const MeasuredTrace& trace, const Cell& cell, const RunOptions& options,
        const WorkerJob& job)
      : trace_(trace), cell_(cell), options_(options), channel_(WorkerChannel::create(job)) {
    std::size_t k = 0;
    for (const RecordedArena& arena : trace.plan.arenas) {
      if (arena.bytes == cell.geometry.arena_bytes && k < channel_.recorded_bases().size()) {
        channel_.recorded_bases()[k++] = arena.base;
      }
    }
  }

  const WorkerChannel& run(Pass pass) {
    ChildOptions child;
    child.program = options_.worker_program.empty() ? running_program() : options_.worker_program;
    child.arguments = {kWorkerArgument};
    // Memory figures must not depend on where randomisation puts things; times must not be tied to
    // one layout.
    child.fixed_addresses = pass != Pass::time;
    child.memory_descriptor = channel_.descriptor();
    ChildProcess worker = ChildProcess::start(child);
    expect(worker, worker.receive(), 'r');
    ReplayFeed feed(TraceReader::open(trace_.path));
    while (true) {
      const ReplayFeed::Filled filled = feed.fill(channel_.events(), channel_.wide());
      if (filled.events == 0) break;
      channel_.filled_events() = filled.events;
      command(worker, 'w');
    }
    command(worker, 'e');
    static_cast<void>(worker.wait());
    return channel_;
  }

 private:
  void command(ChildProcess& worker, char what) {
    const bool sent = worker.send(what);
    expect(worker, sent ? worker.receive() : std::nullopt, 'd');
  }
  void expect(ChildProcess& worker, std::optional<char> answer, char wanted) {
    if (answer == wanted) return;
    const std::string name = cell_name(trace_, cell_);
    if (answer == 'x') throw InputError("{}: {}", name, channel_.text().data());
    const std::string end = worker.wait();
    throw InputError("{}: the worker {} during the replay", name, end.empty() ? "ended" : end);
  }

  const MeasuredTrace& trace_;
  const Cell& cell_;
  const RunOptions& options_;
  WorkerChannel channel_;
};

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
  job.recorded_arenas = trace.arenas_of(cell.geometry.arena_bytes);
  job.clock_bytes = trace.plan.clock_bytes;
  return job;
}

void note_outcome(Measurement& measurement, const WorkerResult& result) {
  if (const std::string_view version = result.engine_version.view(); !version.empty()) {
    measurement.engine =
        Engine{.version = std::string(version), .path = std::string(result.engine_path.view())};
  }
  if (result.refused == 0) return;
  measurement.void_reason = fmt::format(
      "{} requests that succeeded when the trace was recorded were refused here", result.refused);
}

void time_round(const MeasuredTrace& trace, const RunOptions& options, Measurement& measurement) {
  Round round(trace, measurement.cell, options, job_for(trace, measurement.cell, Pass::time));
  const WorkerResult& result = round.run(Pass::time).result();
  note_outcome(measurement, result);
  measurement.rounds.push_back({.events = result.events,
                                .nanoseconds = result.nanoseconds,
                                .minor_faults = result.minor_faults,
                                .major_faults = result.major_faults});
}

FootprintSample sample_at(const std::vector<FootprintSample>& series, std::uint64_t event) {
  const auto found =
      std::lower_bound(series.begin(), series.end(), event,
                       [](const FootprintSample& s, std::uint64_t e) { return s.event < e; });
  return found == series.end() ? FootprintSample{} : *found;
}

void footprint_passes(const MeasuredTrace& trace, const RunOptions& options,
                      Measurement& measurement) {
  Footprint footprint;
  WorkerJob job = job_for(trace, measurement.cell, Pass::scan);
  job.intervals = std::max<std::uint64_t>(1, options.samples);
  {
    Round round(trace, measurement.cell, options, job);
    const WorkerChannel& channel = round.run(Pass::scan);
    note_outcome(measurement, channel.result());
    footprint.scan = channel.result().scan;
    footprint.interval_peaks.assign(channel.interval_peaks().begin(),
                                    channel.interval_peaks().end());
  }
  job.pass = Pass::sample;
  job.every_event = options.samples == 0;
  job.sample_room =
      (job.every_event ? trace.plan.counts.issued : job.intervals) + job.moments.size() + 1;
  job.peak_moment = footprint.scan.peak_mapped_event;
  job.moments = {footprint.scan.peak_live_event, footprint.scan.peak_mapped_event,
                 trace.plan.teardown_event.value_or(~0ull), ~0ull};
  std::sort(job.moments.begin(), job.moments.end());
  Round round(trace, measurement.cell, options, job);
  const WorkerChannel& channel = round.run(Pass::sample);
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
  measurement.footprint = std::move(footprint);
}

}  // namespace

MeasuredTrace survey_trace(const std::string& path) {
  if (path == "-")
    throw InputError(
        "a replay reads its trace several times, so it needs a file, not standard input");
  MeasuredTrace trace{.path = path, .digest = {}, .metadata = {}, .plan = {}, .damage = {}};
  ReplayFeed feed(TraceReader::open(path));
  std::vector<ReplayEvent> events(1 << 15);
  std::vector<std::uint64_t> wide(events.size());
  while (feed.fill(events, wide).events != 0) {
  }
  trace.plan = feed.plan();
  trace.metadata = feed.reader().metadata();
  trace.digest = feed.reader().digest();
  trace.damage = feed.reader().damage();
  return trace;
}

std::vector<Measurement> run_cells(const std::vector<MeasuredTrace>& traces,
                                   const std::vector<Cell>& cells, const RunOptions& options) {
  std::vector<Measurement> measurements;
  for (const Cell& cell : cells)
    measurements.push_back(
        {.cell = cell, .engine = {}, .rounds = {}, .footprint = {}, .void_reason = {}});
  const std::uint64_t total = cells.size() * (options.rounds + (options.footprint ? 1 : 0));
  std::uint64_t done = 0;
  auto step = [&] {
    if (options.progress) options.progress(++done, total);
  };
  std::vector<std::size_t> order(cells.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Random random(options.seed);
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    for (const std::size_t i : order) {
      time_round(traces[cells[i].trace], options, measurements[i]);
      step();
    }
  }
  if (!options.footprint) return measurements;
  for (Measurement& measurement : measurements) {
    footprint_passes(traces[measurement.cell.trace], options, measurement);
    step();
  }
  return measurements;
}

}  // namespace pymemlab
