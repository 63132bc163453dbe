#include "core/record/process_recording.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <thread>

#include "core/base/input_error.h"
#include "core/base/units.h"

namespace pymemlab {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// A chunk is written at least so often: what a killed collector loses is younger.
constexpr auto kFlushInterval = std::chrono::seconds(1);
// Between two looks at an empty ring: from the first, doubling, up to the second. The ring holds
// some hundred milliseconds of the fastest programs.
constexpr microseconds kShortestNap{50};
constexpr microseconds kLongestNap{4000};

std::string platform() {
  utsname name = {};
  ::uname(&name);
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

// "3.11.2 (main, Nov ...) [GCC ...]" begins with the version.
std::string version_of(std::string_view text) {
  return std::string(text.substr(0, text.find(' ')));
}

// CPython: POOL_SIZE grew with 3.10's address map.
std::uint64_t pool_bytes_of(const std::string& version) {
  unsigned minor = 0;
  if (std::sscanf(version.c_str(), "3.%u", &minor) != 1) return 0;
  return minor >= 10 ? 16 * kKiB : 4 * kKiB;
}

}  // namespace

std::vector<std::string> command_of(const ring::Header& header) {
  std::vector<std::string> command;
  std::string_view rest(header.command,
                        std::min<std::size_t>(header.command_bytes, sizeof header.command));
  while (!rest.empty()) {
    command.emplace_back(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(command.back().size() + 1, rest.size()));
  }
  return command;
}

ProcessRecording::ProcessRecording(const RecordRequest& request, std::string started,
                                   RecordedForks& forks, std::unique_ptr<RingReader> ring,
                                   std::string path, bool paused)
    : request_(request),
      started_(std::move(started)),
      forks_(forks),
      ring_(std::move(ring)),
      path_(std::move(path)),
      process_(static_cast<int>(ring_->header().owner)),
      pauses_(paused || request.runs_already),
      wants_pause_(paused) {
  ring_->set_paused(paused);
}

template <typename Write>
void ProcessRecording::unless_failed(Write write) {
  if (failure_) return;
  try {
    write();
  } catch (const InputError& error) {
    failure_ = error.what();
  }
}

void ProcessRecording::run() {
  begin_trace();
  microseconds nap = kShortestNap;
  for (;;) {
    const bool ended = stopped_.load() || process_.has_ended();
    pause_or_go_on();
    has_begun_.store(true);
    if (drain() != 0) {
      nap = kShortestNap;
    } else if (ended) {
      if (!ring_->skip_hole()) break;
    } else {
      std::this_thread::sleep_for(nap);
      nap = std::min(2 * nap, kLongestNap);
    }
    write_chunk_if_due();
  }
  forks_.end(ring_->header().serial);
  has_run_.store(true);
}

std::size_t ProcessRecording::drain() {
  std::size_t total = 0;
  // Bounded, so that the clock and the process are looked at in between.
  constexpr int kRounds = 64;
  for (int round = 0; round < kRounds; ++round) {
    const std::span<const ring::Record> records = ring_->committed();
    if (records.empty()) break;
    unless_failed([&] { pauses_.paused() ? pass_over(records) : trace_->assembler.take(records); });
    unless_failed([&] {
      if (!trace_->assembler.is_within_event()) trace_->writer.limit_size();
    });
    ring_->release(records.size());
    total += records.size();
  }
  return total;
}

// The cut is behind all that the process had written by the time of the wish.
void ProcessRecording::pause_or_go_on() {
  if (wants_pause_.load() == pauses_.paused()) return;
  if (!pauses_.paused()) {
    ring_->set_paused(true);
    drain_what_is_there();
    pauses_.begin();
    takes_values_ = true;
    unless_failed([&] {
      trace_->writer.mark("recording paused");
      trace_->writer.flush_chunk();
    });
  } else {
    // What the process wrote in the pause is passed over first.
    drain_what_is_there();
    ring_->set_paused(false);
    go_on();
  }
}

// And not more than the ring holds of what comes meanwhile: a process whose hooks could not be
// replaced goes on writing.
void ProcessRecording::drain_what_is_there() {
  const std::size_t most = ring_->backlog() + ring::kRecords;
  for (std::size_t drained = 0; drained < most;) {
    const std::size_t records = drain();
    if (records == 0) return;
    drained += records;
  }
}

void ProcessRecording::go_on() {
  const char* const mark = pauses_.has_started() ? "recording resumed" : "recording started";
  const std::vector<ring::Record> arenas = pauses_.end();
  unless_failed([&] {
    trace_->assembler.take_gap();
    trace_->assembler.take(arenas);
    trace_->writer.mark(mark);
  });
}

void ProcessRecording::pass_over(std::span<const ring::Record> records) {
  for (const ring::Record& record : records) {
    const auto kind = static_cast<ring::Kind>(record.what & 15u);
    // Sites are told once only, and a thread's when it changes.
    const bool of_site = kind == ring::Kind::site || kind == ring::Kind::new_site ||
                         (kind == ring::Kind::wide && takes_values_);
    takes_values_ = of_site;
    if (of_site) {
      trace_->assembler.take({&record, 1});
    } else if (kind == ring::Kind::arena_alloc || kind == ring::Kind::arena_free) {
      pauses_.keep_arena(record);
    } else if (kind == ring::Kind::fork) {
      const auto number = static_cast<std::uint32_t>(record.what >> ring::kSizeShift);
      keep_fork(number, trace_->assembler.fork_point(record));
    }
  }
}

void ProcessRecording::write_chunk_if_due() {
  const Clock::time_point now = Clock::now();
  if (!trace_ || now - flushed_ < kFlushInterval || trace_->writer.events() == events_flushed_)
    return;
  unless_failed([&] { trace_->writer.flush_chunk(); });
  flushed_ = now;
  events_flushed_ = trace_->writer.events();
}

void ProcessRecording::begin_trace() {
  const ring::Header& header = ring_->header();
  if (header.parent_serial != 0) {
    origin_ = forks_.wait_for(header.parent_serial, header.parent_fork);
    if (!origin_) {
      failure_ = fmt::format("{}: the trace of the process that forked it ended early", path_);
      return;
    }
  }
  unless_failed([&] {
    TraceWriterOptions options = request_.writer;
    options.sites = ring_->header().tells_sites != 0;
    trace_.emplace(path_, first_metadata(), options, request_.max_bytes);
    if (origin_) {
      inherit(*origin_, trace_->writer, trace_->assembler);
      pauses_ = origin_->pauses;
      // The pause has ended between the fork and the child's first request.
      if (pauses_.paused() && !wants_pause_.load()) go_on();
    }
    trace_->assembler.at_forks([this](std::uint32_t number, const Assembler::ForkPoint& point) {
      keep_fork(number, point);
    });
  });
}

// The child's recording reads the file up to here.
void ProcessRecording::keep_fork(std::uint32_t number, const Assembler::ForkPoint& point) {
  trace_->writer.flush_chunk();
  forks_.add(ring_->header().serial, number, {.trace = path_, .point = point, .pauses = pauses_});
}

TraceMetadata ProcessRecording::first_metadata() {
  const ring::Header& header = ring_->header();
  TraceMetadata metadata;
  metadata.source = "record";
  metadata.command = request_.all_processes ? command_of(header) : request_.command;
  metadata.started = started_;
  metadata.platform = platform();
  metadata.pid = process_.id();
  metadata.python = facts();
  if (header.has_pythonmalloc != 0) metadata.pythonmalloc = header.pythonmalloc;
  metadata.extra["python_build"] = header.python;
  if (request_.all_processes) metadata.parent = header.parent;
  pauses_.describe(metadata);
  if (origin_) {
    metadata.extra["parent_trace"] = std::filesystem::path(origin_->trace).filename().string();
    metadata.extra["parent_events"] = origin_->point.events;
  }
  return metadata;
}

PythonFacts ProcessRecording::facts() const {
  PythonFacts facts;
  facts.version = version_of(ring_->header().python);
  facts.build = ring_->header().debug_build != 0 ? "debug" : "release";
  if (!trace_) return facts;
  facts.alignment = trace_->assembler.alignment();
  facts.arena_bytes = trace_->assembler.arena_bytes();
  if (facts.arena_bytes != 0) facts.pool_bytes = pool_bytes_of(facts.version);
  return facts;
}

void ProcessRecording::note_end(const std::optional<ExitStatus>& exit) {
  TraceMetadata& metadata = trace_->writer.metadata();
  metadata.python = facts();
  if (exit) {
    metadata.extra["exit_status"] = exit->code;
    if (exit->signal != 0) metadata.extra["exit_signal"] = exit->signal;
  }
  pauses_.describe(metadata);
  if (is_cut())
    trace_->writer.mark(fmt::format("recording stopped at event {}", trace_->writer.events()));
}

RecordedProcess ProcessRecording::finish(const std::optional<ExitStatus>& exit, bool replaced) {
  const ring::Header& header = ring_->header();
  if (request_.runs_already && !process_.has_ended()) ring_->give_back();
  RecordedProcess process{.trace = path_,
                          .pid = process_.id(),
                          .parent = static_cast<int>(header.parent),
                          .command = command_of(header),
                          .python = version_of(header.python),
                          .replaced = replaced,
                          .exit = exit};
  if (origin_)
    process.forked_from = ForkedFrom{.trace = origin_->trace, .events = origin_->point.events};
  if (trace_) {
    unless_failed([&] {
      note_end(exit);
      trace_->writer.finish();
    });
    process.events = failure_ ? 0 : trace_->writer.events();
    process.unknown_blocks = trace_->assembler.unknown_blocks();
    process.missed_frees = trace_->assembler.missed_frees();
    process.sites = trace_->writer.sites();
    std::error_code unknown;
    const std::uintmax_t bytes = std::filesystem::file_size(path_, unknown);
    process.bytes = unknown ? 0 : bytes;
  }
  if (failure_) {
    process.loss = fmt::format("{}; the trace ends early, after its last whole chunk", *failure_);
  } else if (is_cut()) {
    process.loss = fmt::format(
        "the ring stayed full for two seconds; recording stopped at event {}", process.events);
  }
  return process;
}

}  // namespace pymemlab
