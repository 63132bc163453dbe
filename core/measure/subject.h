// What a job replays against: the allocators of its target, set up in this process, and the answers
// that a footprint pass needs about them. The replay loop calls the records alone; the virtual
// functions here are asked between events of passes that are not timed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/measure/footprint.h"
#include "core/measure/libc_meter.h"
#include "core/measure/worker_channel.h"
#include "core/pymem/memory.h"
#include "core/replay/arena_source.h"
#include "core/replay/replay.h"

namespace pymemlab {

// What a mimalloc that serves mem and obj says of itself.
struct MimallocFigures {
  std::uint64_t pages_committed_bytes = 0;  // of the pages that hold blocks
  std::uint64_t block_bytes = 0;            // live, rounded
};

class ReplaySubject {
 public:
  // `metered`: the malloc of the process is counted, which costs time.
  ReplaySubject(const WorkerJob& job, std::span<const std::uint64_t> recorded_bases)
      : metered_(!is_timed(job.pass)), arenas_(job.residue, recorded_bases) {}
  ReplaySubject(const ReplaySubject&) = delete;
  ReplaySubject& operator=(const ReplaySubject&) = delete;
  virtual ~ReplaySubject() = default;

  [[nodiscard]] const DomainTable& domains() const noexcept { return domains_; }
  [[nodiscard]] LibcMeter& meter() noexcept { return meter_; }
  [[nodiscard]] const ArenaSource& arenas() const noexcept { return arenas_; }

  // CPython's version, and what makes its geometry other than its profile's.
  virtual void describe(WorkerResult& result) const = 0;
  [[nodiscard]] virtual const Geometry& geometry() const noexcept = 0;
  // What `block`, live and allocated in `domain` (not libc), costs.
  [[nodiscard]] virtual BlockCost cost(Domain domain, const void* block) const noexcept = 0;
  // pymalloc's, if it serves mem and obj.
  [[nodiscard]] virtual std::optional<HeapStatistics> heap_statistics() const = 0;
  // pymalloc itself, if it serves mem and obj and can be seen: a real CPython's cannot.
  [[nodiscard]] virtual const SmallHeap* heap() const noexcept { return nullptr; }
  // Usable bytes of the raw blocks that the heap holds for itself. `raw_bytes`: of the raw blocks
  // that the replay holds.
  [[nodiscard]] virtual std::uint64_t own_raw_bytes(std::uint64_t raw_bytes) const noexcept = 0;
  [[nodiscard]] virtual std::optional<MimallocFigures> mimalloc() const noexcept = 0;
  // What that mimalloc holds of the kernel; 0 without one. Asked after every event.
  [[nodiscard]] virtual std::uint64_t mimalloc_mapped_bytes() const noexcept = 0;
  [[nodiscard]] virtual std::string statistics_text() const = 0;

 protected:
  bool metered_;
  LibcMeter meter_;
  ArenaSource arenas_;
  DomainTable domains_;
};

// Throws InputError in one sentence when the target cannot be had.
[[nodiscard]] std::unique_ptr<ReplaySubject> make_subject(
    const WorkerJob& job, std::span<const std::uint64_t> recorded_bases);

}  // namespace pymemlab
