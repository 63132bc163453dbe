// Replays a trace in a worker and accounts for every byte: either event by event (scan) or with the
// full identity at chosen moments (sample). Holds nothing that comes from the measured malloc.
#pragma once

#include <cstdint>
#include <span>

#include "core/measure/footprint.h"
#include "core/measure/subject.h"
#include "core/measure/worker_channel.h"
#include "core/os/mapped_region.h"
#include "core/os/usage.h"
#include "core/replay/replay.h"

namespace pymemlab {

class FootprintPass {
 public:
  // REQUIRES: the subject outlives the pass.
  FootprintPass(ReplaySubject& subject, const WorkerChannel& channel);

  void window(std::span<const ReplayEvent> events, const std::uint64_t* wide) noexcept;
  // The last sample and the heap at the end.
  void finish() noexcept;

 private:
  // A live block, and what it cost when it was allocated.
  struct Entry {
    void* block;
    std::uint64_t bytes;
    std::uint64_t usable_bytes;
    std::uint32_t hook_bytes;
    bool in_pool;  // served by pymalloc, not by raw
  };

  void step(ReplayEvent event, const std::uint64_t*& wide) noexcept;
  void allocated(ReplayEvent event, void* block, std::uint64_t bytes) noexcept;
  void reallocated(ReplayEvent event, void* moved, std::uint64_t bytes) noexcept;
  void touch(void* block, std::uint64_t old_bytes, std::uint64_t new_bytes) const noexcept;
  // Puts the block's cost on the books, or takes it off.
  void enter(ReplayEvent event, Entry& entry) noexcept;
  void leave(const Entry& entry) noexcept;

  void after_event(std::uint64_t advance) noexcept;
  // The interval of the allocation clock that a moment lies in. REQUIRES: the job has a clock.
  [[nodiscard]] std::uint64_t interval_at(std::uint64_t clock_bytes) const noexcept;
  // The first value of the clock that lies beyond it.
  [[nodiscard]] std::uint64_t end_of_interval(std::uint64_t interval) const noexcept;
  // Whether the clock has left the interval that it was in; it is then in another.
  [[nodiscard]] bool entered_interval() noexcept;
  void scan_event(std::uint64_t advance) noexcept;
  void sample_event() noexcept;
  void take_sample() noexcept;
  // Adds this moment to the arena map, if there is to be one.
  void map_arenas() noexcept;
  void count_costs() noexcept;
  [[nodiscard]] HeapSnapshot snapshot() const noexcept;
  [[nodiscard]] std::uint64_t mapped_bytes() const noexcept {
    return subject_.arenas().mapped_bytes() + subject_.meter().mapped_bytes() +
           subject_.mimalloc_mapped_bytes();
  }

  ReplaySubject& subject_;
  WorkerJob job_;
  WorkerResult* result_;
  std::span<IntervalPeak> interval_peaks_;
  std::span<FootprintSample> samples_;
  std::span<std::byte> map_;
  MappedArray<Entry> entries_;
  std::int64_t resident_at_start_;

  std::uint64_t events_ = 0;
  std::uint64_t clock_bytes_ = 0;
  std::uint64_t live_blocks_ = 0;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t hook_bytes_ = 0;
  std::uint64_t usable_bytes_ = 0;
  std::uint64_t raw_usable_bytes_ = 0;  // of those that pymalloc does not serve
  std::uint64_t interval_ = 0;          // of the clock, from 0
  std::uint64_t interval_end_;          // of that one, by the clock
  std::size_t next_moment_ = 0;
  std::uint64_t next_mapped_event_;     // after which the arena map's next moment lies
  std::uint64_t mapped_event_ = ~0ull;  // of its last one
};

}  // namespace pymemlab
