// The recording of one process: drains its ring into its trace, in a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/os/program.h"
#include "core/record/assembler.h"
#include "core/record/inheritance.h"
#include "core/record/pauses.h"
#include "core/record/recorder.h"
#include "core/record/ring_reader.h"

namespace pymemlab {

class ProcessRecording {
 public:
  // `started`: when the command was, as the metadata say it. `paused`: nothing is to be recorded
  // for now. `request` and `forks` must outlive this object.
  ProcessRecording(const RecordRequest& request, std::string started, RecordedForks& forks,
                   std::unique_ptr<RingReader> ring, std::string path, bool paused);

  [[nodiscard]] int pid() const noexcept { return process_.id(); }

  // Returns when the process has ended, or stop() was called, and all that it committed is in the
  // trace. Threads: its own.
  void run();
  // The process will make no more events: another program is in its place, or the recording is to
  // end. Threads: any.
  void stop() noexcept { stopped_.store(true); }
  // Whether what the process requests is to be recorded. Threads: any.
  void set_paused(bool paused) noexcept { wants_pause_.store(paused); }
  // Whether it records by now, or does not, as was wanted at the start. Threads: any.
  [[nodiscard]] bool has_begun() const noexcept { return has_begun_.load(); }
  [[nodiscard]] bool has_run() const noexcept { return has_run_.load(); }
  // Its ring is full and nobody reads, so that recording ended. Threads: any.
  [[nodiscard]] bool is_cut() const noexcept {
    return ring_->header().state.load() == ring::State::stopped;
  }

  // How the process itself ended, if the kernel tells us.
  [[nodiscard]] std::optional<ExitStatus> exit() const { return process_.exit(); }
  // REQUIRES: run() has returned. `exit` goes into the metadata.
  [[nodiscard]] RecordedProcess finish(const std::optional<ExitStatus>& exit, bool replaced);

 private:
  // What the ring holds now; returns how many records that was.
  std::size_t drain();
  void begin_trace();
  void pause_or_go_on();
  void drain_what_is_there();
  void go_on();
  // In a pause arenas, forks and sites are all that counts.
  void pass_over(std::span<const ring::Record> records);
  void write_chunk_if_due();
  void keep_fork(std::uint32_t number, const Assembler::ForkPoint& point);
  [[nodiscard]] TraceMetadata first_metadata();
  [[nodiscard]] PythonFacts facts() const;
  void note_end(const std::optional<ExitStatus>& exit);
  // Runs `write`, unless writing has failed before; a failure is kept, not thrown, and the process
  // runs on unrecorded.
  template <typename Write>
  void unless_failed(Write write);

  // The trace under construction.
  struct Trace {
    Trace(const std::string& path, TraceMetadata metadata, const TraceWriterOptions& options,
          std::uint64_t max_bytes)
        : writer(path, std::move(metadata), options, max_bytes), assembler(writer) {}
    TraceOutput writer;
    Assembler assembler;
  };

  const RecordRequest& request_;
  std::string started_;
  RecordedForks& forks_;
  std::unique_ptr<RingReader> ring_;
  std::string path_;
  ProcessWatch process_;
  std::optional<RecordedFork> origin_;
  std::optional<Trace> trace_;
  std::chrono::steady_clock::time_point flushed_ = std::chrono::steady_clock::now();
  std::uint64_t events_flushed_ = 0;
  std::optional<std::string> failure_;
  Pauses pauses_;
  bool takes_values_ = false;  // in a pause: of an event before it, or of a site
  std::atomic<bool> wants_pause_;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> has_begun_ = false;
  std::atomic<bool> has_run_ = false;
};

// The arguments that a process's agent tells.
[[nodiscard]] std::vector<std::string> command_of(const ring::Header& header);

}  // namespace pymemlab
