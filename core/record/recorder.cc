#include "core/record/recorder.h"

#include <fmt/chrono.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <thread>

#include "core/base/input_error.h"
#include "core/base/units.h"
#include "core/record/assembler.h"
#include "core/record/preload.h"
#include "core/record/ring_reader.h"

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

std::string utc_now() {
  return fmt::format(
      "{:%Y-%m-%dT%H:%M:%SZ}",
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

std::string platform() {
  utsname name = {};
  ::uname(&name);
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

TraceMetadata metadata_of(const RecordRequest& request) {
  TraceMetadata metadata;
  metadata.source = "record";
  metadata.command = request.command;
  metadata.started = utc_now();
  metadata.platform = platform();
  return metadata;
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

// One recording under way.
class Recording {
 public:
  Recording(const RecordRequest& request, RingReader& ring, Program& program)
      : request_(request), ring_(ring), program_(program) {}

  void run();
  [[nodiscard]] RecordResult finish();

 private:
  // What the ring holds now; returns how many records that was.
  std::size_t drain();
  void write_chunk_if_due();
  void meet_process();
  [[nodiscard]] bool has_ended();
  [[nodiscard]] bool is_hooked() const noexcept {
    return ring_.header().state.load() != ring::State::waiting;
  }
  [[nodiscard]] PythonFacts facts() const;
  void note_end();
  // Runs `write`, unless writing has failed before; a failure is kept, not thrown, and the program
  // runs on unrecorded.
  template <typename Write>
  void unless_failed(Write write);

  // The trace under construction.
  struct Trace {
    explicit Trace(TraceWriter created) : writer(std::move(created)), assembler(writer) {}
    TraceWriter writer;
    Assembler assembler;
  };

  const RecordRequest& request_;
  RingReader& ring_;
  Program& program_;
  std::optional<ProcessWatch> process_;  // the recorded one, once it is known
  std::optional<Trace> trace_;           // begun then, so that its head can say whose it is
  Clock::time_point flushed_ = Clock::now();
  std::uint64_t events_flushed_ = 0;
  std::optional<std::string> failure_;
};

template <typename Write>
void Recording::unless_failed(Write write) {
  if (failure_) return;
  try {
    write();
  } catch (const InputError& error) {
    failure_ = error.what();
  }
}

void Recording::run() {
  microseconds nap = kShortestNap;
  for (;;) {
    const bool ended = has_ended();
    if (drain() != 0) {
      nap = kShortestNap;
    } else if (ended) {
      if (!ring_.skip_hole()) return;
    } else {
      std::this_thread::sleep_for(nap);
      nap = std::min(2 * nap, kLongestNap);
    }
    write_chunk_if_due();
  }
}

std::size_t Recording::drain() {
  if (!process_) meet_process();
  if (!process_) return 0;
  std::size_t total = 0;
  // Bounded, so that the clock and the processes are looked at in between.
  constexpr int kRounds = 64;
  for (int round = 0; round < kRounds; ++round) {
    const std::span<const ring::Record> records = ring_.committed();
    if (records.empty()) break;
    unless_failed([&] { trace_->assembler.take(records); });
    ring_.release(records.size());
    total += records.size();
  }
  return total;
}

void Recording::write_chunk_if_due() {
  const Clock::time_point now = Clock::now();
  if (!trace_ || now - flushed_ < kFlushInterval || trace_->writer.events() == events_flushed_)
    return;
  unless_failed([&] { trace_->writer.flush_chunk(); });
  flushed_ = now;
  events_flushed_ = trace_->writer.events();
}

void Recording::meet_process() {
  const ring::Header& header = ring_.header();
  if (header.state.load() == ring::State::waiting) return;
  process_.emplace(static_cast<int>(header.owner.load()));
  TraceMetadata metadata = metadata_of(request_);
  metadata.pid = process_->id();
  metadata.python = facts();
  if (header.has_pythonmalloc != 0) metadata.pythonmalloc = header.pythonmalloc;
  metadata.extra["python_build"] = header.python;
  unless_failed(
      [&] { trace_.emplace(TraceWriter::create(request_.output, metadata, request_.writer)); });
}

// When the command has ended and the recorded process too, which may be a descendant that outlives
// it. Told to stop, we do not wait for such a one.
bool Recording::has_ended() {
  if (!program_.ended()) return false;
  return !process_ || process_->has_ended() || Program::told_to_stop();
}

PythonFacts Recording::facts() const {
  PythonFacts facts;
  facts.version = version_of(ring_.header().python);
  facts.build = ring_.header().debug_build != 0 ? "debug" : "release";
  if (!trace_) return facts;
  facts.alignment = trace_->assembler.alignment();
  facts.arena_bytes = trace_->assembler.arena_bytes();
  if (facts.arena_bytes != 0) facts.pool_bytes = pool_bytes_of(facts.version);
  return facts;
}

void Recording::note_end() {
  TraceMetadata& metadata = trace_->writer.metadata();
  metadata.python = facts();
  metadata.extra["exit_status"] = program_.ended()->code;
  if (program_.ended()->signal != 0) metadata.extra["exit_signal"] = program_.ended()->signal;
  if (ring_.header().state.load() != ring::State::stopped) return;
  trace_->writer.mark(fmt::format("recording stopped at event {}", trace_->writer.events()));
}

RecordResult Recording::finish() {
  RecordResult result;
  result.program = *program_.ended();
  result.hooked = process_.has_value();
  if (trace_) {
    unless_failed([&] {
      note_end();
      trace_->writer.finish();
    });
    result.events = failure_ ? 0 : trace_->writer.events();
    result.python = facts().version;
    result.unknown_blocks = trace_->assembler.unknown_blocks();
    result.missed_frees = trace_->assembler.missed_frees();
    std::error_code unknown;
    const std::uintmax_t bytes = std::filesystem::file_size(request_.output, unknown);
    result.bytes = unknown ? 0 : bytes;
  }
  if (failure_) {
    result.loss = fmt::format("{}; the trace ends early, after its last whole chunk", *failure_);
  } else if (ring_.header().state.load() == ring::State::stopped) {
    result.loss = fmt::format("the ring stayed full for two seconds; recording stopped at event {}",
                              result.events);
  }
  return result;
}

}  // namespace

RecordResult record(const RecordRequest& request) {
  const Preload preload;
  std::error_code unknown;
  const bool existed = std::filesystem::exists(request.output, unknown);
  // Appending: a file that is there keeps its content until there is something to record.
  if (!std::ofstream(request.output, std::ios::app)) {
    throw InputError("{}: cannot be created: {}", request.output, std::strerror(errno));
  }
  RingReader ring(preload.component());
  if (request.checkpoints) ring.ask_for_checkpoints(request.checkpoint_every);
  RecordResult result;
  const auto discard_output = [&] {
    std::error_code gone;
    if (!existed) std::filesystem::remove(request.output, gone);
  };
  try {
    Program program = Program::start(
        request.command, {{"LD_PRELOAD", preload.list()}, {ring::kRingVariable, ring.path()}},
        request.output_to_stderr ? Program::Output::to_stderr : Program::Output::own);
    Recording recording(request, ring, program);
    recording.run();
    result = recording.finish();
  } catch (const InputError&) {
    discard_output();
    throw;
  }
  if (!result.hooked) discard_output();
  return result;
}

}  // namespace pymemlab
