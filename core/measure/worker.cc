#include "core/measure/worker.h"

#include <exception>
#include <memory>
#include <optional>

#include "core/measure/footprint_pass.h"
#include "core/measure/latency_pass.h"
#include "core/measure/subject.h"
#include "core/measure/system_malloc.h"
#include "core/measure/worker_channel.h"
#include "core/os/hardware_counters.h"
#include "core/os/machine.h"
#include "core/os/mapped_region.h"
#include "core/os/usage.h"
#include "core/replay/null_target.h"
#include "core/replay/replay.h"

namespace pymemlab {
namespace {

// The timed pass: the clock runs around the loop alone.
class TimePass {
 public:
  TimePass(const DomainTable& domains, Touch touch, const WorkerChannel& channel)
      : domains_(domains),
        touch_(touch),
        result_(&channel.result()),
        live_(channel.job().slots),
        sizes_(touch == Touch::all ? channel.job().slots : 0) {
    for (void*& block : live_) block = nullptr;  // touches every page before the clock runs
    for (std::uint64_t& bytes : sizes_) bytes = 0;
    result_->hardware_error = counters_.error();
  }

  void window(std::span<const ReplayEvent> events, const std::uint64_t* wide) noexcept {
    TimedReplay& timed = result_->timed;
    const KernelCounts before = kernel_counts();
    counters_.start();
    const std::uint64_t begin = now_nanoseconds();
    const std::uint64_t refused = dispatch(events, wide);
    timed.nanoseconds += now_nanoseconds() - begin;
    counters_.stop();
    const KernelCounts after = kernel_counts();
    timed.minor_faults += after.minor_faults - before.minor_faults;
    timed.major_faults += after.major_faults - before.major_faults;
    timed.involuntary_switches += after.involuntary_switches - before.involuntary_switches;
    timed.events += events.size();
    timed.hardware = counters_.counts();
    result_->refused += refused;
  }

  // What lies between two replays: nothing of it is counted.
  void clean_up(std::span<const ReplayEvent> events, const std::uint64_t* wide) noexcept {
    result_->refused += dispatch(events, wide);
  }
  void next_replay() noexcept {
    result_->timed = {};
    counters_.reset();
  }

 private:
  [[nodiscard]] std::uint64_t dispatch(std::span<const ReplayEvent> events,
                                       const std::uint64_t* wide) noexcept {
    switch (touch_) {
      case Touch::none:
        return replay<Touch::none>(events, wide, live_.span(), sizes_.span(), domains_);
      case Touch::first:
        return replay<Touch::first>(events, wide, live_.span(), sizes_.span(), domains_);
      case Touch::all:
        return replay<Touch::all>(events, wide, live_.span(), sizes_.span(), domains_);
    }
    return 0;
  }

  const DomainTable& domains_;
  Touch touch_;
  WorkerResult* result_;
  HardwareCounters counters_;
  MappedArray<void*> live_;
  MappedArray<std::uint64_t> sizes_;
};

template <typename ReplayPass>
concept Repeatable = requires(ReplayPass& pass) {
  pass.next_replay();
};

// Answers the parent until it says that the trace is over. False if the parent is gone.
template <typename ReplayPass>
[[nodiscard]] bool serve(const WorkerChannel& channel, ReplayPass& pass) noexcept {
  if (!send_byte(ChildProcess::kChannel, 'r')) return false;
  while (const std::optional<char> command = receive_byte(ChildProcess::kChannel)) {
    if (*command == 'e') return true;
    const auto events = channel.events().first(channel.filled_events());
    if (*command == 'w') pass.window(events, channel.wide().data());
    if constexpr (Repeatable<ReplayPass>) {
      if (*command == 't') pass.clean_up(events, channel.wide().data());
      if (*command == 'n') pass.next_replay();
    }
    if (!send_byte(ChildProcess::kChannel, 'd')) return false;
  }
  return false;
}

void describe_process(WorkerResult& result) {
  if (const std::optional<unsigned> cpu = only_cpu()) result.cpu = *cpu;
  const MallocIdentity malloc = identify_malloc();
  result.malloc_name = ShortName(malloc.name);
  result.malloc_version = ShortName(malloc.version);
  result.malloc_path = ShortName(malloc.path);
}

int serve_loop(const WorkerChannel& channel) {
  const DomainTable domains = null_domains();
  const Touch touch = channel.job().touch == Touch::none ? Touch::none : Touch::first;
  TimePass pass(domains, touch, channel);
  if (!serve(channel, pass)) return 1;
  describe_process(channel.result());
  return send_byte(ChildProcess::kChannel, 'd') ? 0 : 1;
}

int serve_job(const WorkerChannel& channel) {
  if (channel.job().pass == Pass::loop) return serve_loop(channel);
  const std::unique_ptr<ReplaySubject> subject =
      make_subject(channel.job(), channel.recorded_bases());
  switch (channel.job().pass) {
    case Pass::probe:
      if (!send_byte(ChildProcess::kChannel, 'r')) return 1;
      break;
    case Pass::loop:
    case Pass::time: {
      TimePass pass(subject->domains(), channel.job().touch, channel);
      if (!serve(channel, pass)) return 1;
      break;
    }
    case Pass::latency: {
      LatencyPass pass(subject->domains(), channel);
      if (!serve(channel, pass)) return 1;
      break;
    }
    case Pass::scan:
    case Pass::sample: {
      FootprintPass pass(*subject, channel);
      if (!serve(channel, pass)) return 1;
      pass.finish();
      channel.set_text(subject->statistics_text());
      break;
    }
  }
  // What tells of itself may allocate, so it comes last.
  subject->describe(channel.result());
  describe_process(channel.result());
  return send_byte(ChildProcess::kChannel, 'd') ? 0 : 1;
}

}  // namespace

int run_worker() noexcept {
  try {
    const WorkerChannel channel = WorkerChannel::attach();
    try {
      return serve_job(channel);
    } catch (const std::exception& error) {
      channel.set_text(error.what());
      static_cast<void>(!send_byte(ChildProcess::kChannel, 'x'));
    }
  } catch (const std::exception&) {
    // Not started as a worker: there is nobody to tell but the exit status.
  }
  return 2;
}

}  // namespace pymemlab
