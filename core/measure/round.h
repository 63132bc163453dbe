// One worker over one trace: what a round, a footprint pass and a probe are made of.
#pragma once

#include <functional>

#include "core/measure/decoded_trace.h"
#include "core/measure/measurement.h"
#include "core/measure/runner.h"
#include "core/measure/target.h"
#include "core/measure/worker_channel.h"

namespace pymemlab {

[[nodiscard]] WorkerJob job_for(const MeasuredTrace& trace, const Cell& cell, Pass pass);

// A fresh process that performs one pass. Throws InputError, naming the cell, when it cannot.
class Round {
 public:
  // REQUIRES: all outlive the round; `job` is the trace's and the cell's; trace is nullptr for
  // Pass::probe alone; decoded may be.
  Round(const MeasuredTrace* trace, const DecodedTrace* decoded, const Cell& cell,
        const RunOptions& options, const WorkerJob& job);

  // What the worker left behind. Valid as long as the round lives.
  const WorkerChannel& run() { return run_repeatedly(0, {}); }
  // The same, then `repeats` further replays in the same worker, each after everything was freed.
  // `replayed` is called after each but the last. REQUIRES: repeats == 0, or the pass is
  // Pass::time.
  const WorkerChannel& run_repeatedly(std::uint64_t repeats,
                                      const std::function<void(const TimedReplay&)>& replayed);
  // REQUIRES: it ran.
  [[nodiscard]] const WorkerResult& result() const { return channel_.result(); }
  // What the worker of a probe wrote to standard error; that of any other pass is ours.
  [[nodiscard]] std::string said() const { return said_ ? said_->text() : ""; }

 private:
  [[nodiscard]] ChildProcess start() const;
  void replay(ChildProcess& worker, bool cleans_up);
  void command(ChildProcess& worker, char what);
  void expect(ChildProcess& worker, std::optional<char> answer, char wanted) const;
  void expect_malloc() const;
  [[nodiscard]] std::string name() const;

  const MeasuredTrace* trace_;
  const DecodedTrace* decoded_;
  const Cell& cell_;
  const RunOptions& options_;
  TargetName target_;
  WorkerChannel channel_;
  std::optional<MemoryFile> said_;
};

// A timed replay of the trace against a target that does nothing.
[[nodiscard]] TimeRound measure_loop(const MeasuredTrace& trace, const DecodedTrace* decoded,
                                     const Cell& cell, const RunOptions& options,
                                     std::uint64_t round);
// Adds the cell's timed round with that number, and its warm repetitions.
void measure_time(const MeasuredTrace& trace, const DecodedTrace* decoded,
                  const RunOptions& options, std::uint64_t round, Measurement& measurement);
void measure_latency(const MeasuredTrace& trace, const DecodedTrace* decoded,
                     const RunOptions& options, Measurement& measurement);
void measure_footprint(const MeasuredTrace& trace, const DecodedTrace* decoded,
                       const RunOptions& options, Measurement& measurement);

}  // namespace pymemlab
