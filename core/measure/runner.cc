#include "core/measure/runner.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include "core/base/input_error.h"
#include "core/base/random.h"
#include "core/measure/round.h"
#include "core/os/machine.h"
#include "core/os/physical_memory.h"
#include "core/os/usage.h"
#include "core/trace/approximate.h"

namespace pymemlab {
namespace {

constexpr const char* kNoTime = "the budget left no time for it";
// How many timed rounds a footprint or latency takes, at most.
constexpr std::uint64_t kRoundsOfPass = 3;

// Decides what is measured next.
class Schedule {
 public:
  Schedule(const std::vector<MeasuredTrace>& traces, const RunOptions& options,
           std::vector<Measurement>& measurements)
      : traces_(traces),
        options_(options),
        measurements_(measurements),
        order_(measurements.size()),
        round_cost_(measurements.size()),
        loop_cost_(traces.size()),
        random_(options.seed),
        total_(measurements.size() *
               (options.rounds + (options.footprint ? 1 : 0) + (options.latency ? 1 : 0))) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  void run() {
    decode();
    const bool hurried = options_.deadline != 0;
    const std::uint64_t first = hurried ? std::min<std::uint64_t>(1, options_.rounds) : 0;
    rounds(0, first);
    if (hurried) passes(now_nanoseconds() + time_left() / 2);
    rounds(first, options_.rounds);
    if (!hurried) passes(0);
    if (options_.progress) options_.progress(total_, total_);
  }

 private:
  [[nodiscard]] std::uint64_t time_left() const noexcept {
    const std::uint64_t now = now_nanoseconds();
    return options_.deadline > now ? options_.deadline - now : 0;
  }
  [[nodiscard]] bool fits(std::uint64_t nanoseconds, std::uint64_t deadline) const noexcept {
    return deadline == 0 || now_nanoseconds() + nanoseconds <= deadline;
  }

  void rounds(std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t round = begin; round < end; ++round) {
      for (std::size_t i = order_.size(); i > 1; --i)
        std::swap(order_[i - 1], order_[random_.below(i)]);
      bool any = false;
      const std::vector<bool> wanted = cells_wanted();
      loops(round, wanted);
      for (const std::size_t i : order_) {
        if (!wanted[i] || !fits(round_cost_[i], options_.deadline)) continue;
        const std::uint64_t start = now_nanoseconds();
        measure_time(trace_of(i), decoded_of(i), options_, round, measurements_[i]);
        round_cost_[i] = now_nanoseconds() - start;
        any = true;
        step();
      }
      if (!any) return;
    }
  }

  // The loop's own cost, once a trace and round.
  void loops(std::uint64_t round, const std::vector<bool>& wanted) {
    std::vector<std::optional<TimeRound>> of_trace(traces_.size());
    for (std::size_t i = 0; i < measurements_.size(); ++i) {
      if (!wanted[i]) continue;
      Measurement& m = measurements_[i];
      std::optional<TimeRound>& loop = of_trace[m.cell.trace];
      if (!loop) {
        if (!fits(loop_cost_[m.cell.trace], options_.deadline)) continue;
        const std::uint64_t start = now_nanoseconds();
        loop = measure_loop(trace_of(i), decoded_of(i), m.cell, options_, round);
        loop_cost_[m.cell.trace] = now_nanoseconds() - start;
      }
      m.loop_rounds.push_back(*loop);
    }
  }

  // Cells whose rounds do not suffice yet, and the one of their trace that they are compared with.
  [[nodiscard]] std::vector<bool> cells_wanted() const {
    std::vector<bool> wanted(measurements_.size(), true);
    if (!options_.suffices) return wanted;
    std::vector<bool> trace_wanted(traces_.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      wanted[i] = !options_.suffices(measurements_[i].rounds);
      if (wanted[i]) trace_wanted[measurements_[i].cell.trace] = true;
    }
    std::vector<bool> seen(traces_.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::size_t t = measurements_[i].cell.trace;
      if (!seen[t]) wanted[i] = trace_wanted[t];
      seen[t] = true;
    }
    return wanted;
  }

  // What is measured once a cell. A footprint is two passes, each slower than a timed round; a
  // clock around each call takes longer than most calls.
  void passes(std::uint64_t deadline) {
    if (options_.footprint) footprints(deadline);
    for (std::size_t i = 0; i < measurements_.size(); ++i) {
      Measurement& m = measurements_[i];
      if (!options_.latency) {
        m.latency_reason = "it was not asked for";
        continue;
      }
      if (fits(kRoundsOfPass * round_cost_[i], deadline)) {
        measure_latency(trace_of(i), decoded_of(i), options_, m);
      } else {
        m.latency_reason = kNoTime;
      }
      step();
    }
  }

  // Footprints are counts, not times, so that several workers may run at once.
  void footprints(std::uint64_t deadline) {
    std::atomic<std::size_t> next{0};
    std::mutex mutex;  // of what follows, and of the progress
    std::exception_ptr failure;
    auto work = [&] {
      for (std::size_t i = next++; i < measurements_.size(); i = next++) {
        try {
          footprint(i, deadline);
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (!failure) failure = std::current_exception();
          next = measurements_.size();
        }
        const std::lock_guard lock(mutex);
        step();
      }
    };
    {
      std::vector<std::jthread> others;
      for (std::size_t i = 1; i < footprints_at_once(); ++i) others.emplace_back(work);
      work();
    }
    if (failure) std::rethrow_exception(failure);
  }

  void footprint(std::size_t i, std::uint64_t deadline) {
    if (fits(kRoundsOfPass * round_cost_[i], deadline)) {
      measure_footprint(trace_of(i), decoded_of(i), options_, measurements_[i]);
    } else {
      measurements_[i].footprint_reason = kNoTime;
    }
  }

  // As many as there are processors, and memory for.
  [[nodiscard]] std::size_t footprints_at_once() const {
    constexpr std::uint64_t kMostOverLive = 4;  // what a configuration may map for a live byte
    std::uint64_t live_bytes = 1;
    for (const MeasuredTrace& trace : traces_)
      live_bytes = std::max(live_bytes, trace.plan.peak_live_bytes);
    const std::uint64_t room = physical_memory_bytes() / kMostOverLive / live_bytes;
    const std::size_t most = std::min(allowed_cpus().size(), measurements_.size());
    return std::max<std::size_t>(1, std::min<std::uint64_t>(most, room));
  }

  void step() {
    if (options_.progress) options_.progress(++done_, total_);
  }
  [[nodiscard]] const MeasuredTrace& trace_of(std::size_t i) const {
    return traces_[measurements_[i].cell.trace];
  }

  [[nodiscard]] const DecodedTrace* decoded_of(std::size_t i) const {
    const std::optional<DecodedTrace>& decoded = decoded_[measurements_[i].cell.trace];
    return decoded ? &*decoded : nullptr;
  }
  // As long as the events of all of them take at most an eighth of the memory.
  void decode() {
    constexpr std::uint64_t kShare = 8;
    std::uint64_t room = physical_memory_bytes() / kShare;
    for (const MeasuredTrace& trace : traces_) {
      decoded_.push_back(DecodedTrace::read(trace, room));
      if (decoded_.back()) room -= trace.plan.counts.issued * sizeof(ReplayEvent);
    }
  }

  const std::vector<MeasuredTrace>& traces_;
  std::vector<std::optional<DecodedTrace>> decoded_;
  const RunOptions& options_;
  std::vector<Measurement>& measurements_;
  std::vector<std::size_t> order_;
  // Nanoseconds of the last, set-up included: by cell, and of the loop by trace.
  std::vector<std::uint64_t> round_cost_;
  std::vector<std::uint64_t> loop_cost_;
  Random random_;
  std::uint64_t done_ = 0;
  std::uint64_t total_;
};

}  // namespace

MeasuredTrace survey_trace(const std::string& path) {
  if (path == "-")
    throw InputError(
        "a replay reads its trace several times, so it needs a file, not standard input");
  MeasuredTrace trace;
  trace.path = path;
  ReplayFeed feed(TraceReader::open(path));
  std::vector<ReplayEvent> events(1 << 15);
  std::vector<std::uint64_t> wide(events.size());
  while (feed.fill(events, wide).events != 0) {
  }
  trace.plan = feed.plan();
  trace.metadata = feed.reader().metadata();
  trace.digest = feed.reader().digest();
  trace.damage = feed.reader().damage();
  trace.approximate = approximation(trace.metadata);
  return trace;
}

std::vector<Measurement> run_cells(const std::vector<MeasuredTrace>& traces,
                                   const std::vector<Cell>& cells, const RunOptions& options) {
  std::vector<Measurement> measurements(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) measurements[i].cell = cells[i];
  Schedule(traces, options, measurements).run();
  return measurements;
}

}  // namespace pymemlab
