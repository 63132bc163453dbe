#include "core/measure/worker.h"

#include <exception>
#include <optional>

#include "core/base/input_error.h"
#include "core/measure/footprint_pass.h"
#include "core/measure/libc_meter.h"
#include "core/measure/worker_channel.h"
#include "core/os/mapped_region.h"
#include "core/os/usage.h"
#include "core/pymem/memory.h"
#include "core/replay/arena_source.h"
#include "core/replay/replay.h"

namespace pymemlab {
namespace {

const Configuration& configuration_called(std::string_view name) {
  for (const Configuration& row : all_configurations()) {
    if (row.name == name) return row;
  }
  throw InputError("there is no configuration \"{}\"", name);
}

// The model as the job asks for it: its own memory, arenas and, in a footprint pass, meter.
class ModelSubject {
 public:
  ModelSubject(const WorkerJob& job, std::span<const std::uint64_t> recorded_bases)
      : metered_(job.pass != Pass::time),
        arenas_(job.residue, recorded_bases),
        memory_(options(job)) {
    for (std::size_t d = 0; d < kDomains; ++d)
      domains_[d].api = memory_.record(static_cast<Domain>(d));
    if (metered_) domains_[index(Domain::libc)].api = meter_.wrap(libc_allocator());
    meter_.start();
  }

  [[nodiscard]] const DomainTable& domains() const noexcept { return domains_; }
  [[nodiscard]] const Memory& memory() const noexcept { return memory_; }
  [[nodiscard]] FootprintSubject footprint() noexcept {
    return {.memory = &memory_, .meter = &meter_, .arenas = &arenas_, .domains = domains_};
  }

 private:
  MemoryOptions options(const WorkerJob& job) {
    MemoryOptions options;
    options.profile = &profile_named(job.profile.view());
    options.configuration = &configuration_called(job.configuration.view());
    if (metered_) MimallocEngine::purge_at_once();
    options.geometry = job.geometry;
    options.arenas = arenas_.record();
    options.nominal_base = ArenaSource::nominal_base;
    options.nominal_base_context = &arenas_;
    if (metered_) options.libc = meter_.wrap(libc_raw_allocator());
    return options;
  }

  bool metered_;
  LibcMeter meter_;
  ArenaSource arenas_;
  Memory memory_;
  DomainTable domains_;
};

// The timed pass: the clock runs around the loop alone.
class TimePass {
 public:
  TimePass(const DomainTable& domains, const WorkerChannel& channel)
      : domains_(domains),
        touch_(channel.job().touch),
        result_(&channel.result()),
        live_(channel.job().slots),
        sizes_(touch_ == Touch::all ? channel.job().slots : 0) {
    for (void*& block : live_) block = nullptr;  // touches every page before the clock runs
    for (std::uint64_t& bytes : sizes_) bytes = 0;
  }

  void window(std::span<const ReplayEvent> events, const std::uint64_t* wide) noexcept {
    const PageFaults faults_before = page_faults();
    const std::uint64_t begin = now_nanoseconds();
    const std::uint64_t refused = dispatch(events, wide);
    result_->nanoseconds += now_nanoseconds() - begin;
    const PageFaults faults = page_faults();
    result_->minor_faults += faults.minor - faults_before.minor;
    result_->major_faults += faults.major - faults_before.major;
    result_->refused += refused;
    result_->events += events.size();
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
  MappedArray<void*> live_;
  MappedArray<std::uint64_t> sizes_;
};

// Answers the parent until it says that the trace is over. False if the parent is gone.
template <typename ReplayPass>
[[nodiscard]] bool serve(const WorkerChannel& channel, ReplayPass& pass) noexcept {
  if (!send_byte(ChildProcess::kChannel, 'r')) return false;
  while (const std::optional<char> command = receive_byte(ChildProcess::kChannel)) {
    if (*command == 'e') return true;
    pass.window(channel.events().first(channel.filled_events()), channel.wide().data());
    if (!send_byte(ChildProcess::kChannel, 'd')) return false;
  }
  return false;
}

int serve_job(const WorkerChannel& channel) {
  ModelSubject subject(channel.job(), channel.recorded_bases());
  if (const MimallocEngine* engine = subject.memory().mimalloc()) {
    channel.result().engine_version = ShortName(engine->version());
    channel.result().engine_path = ShortName(engine->path());
  }
  if (channel.job().pass == Pass::time) {
    TimePass pass(subject.domains(), channel);
    if (!serve(channel, pass)) return 1;
  } else {
    FootprintPass pass(subject.footprint(), channel);
    if (!serve(channel, pass)) return 1;
    pass.finish();
    channel.set_text(subject.memory().statistics_text());
  }
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
