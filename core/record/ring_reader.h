// The collector's end of the ring: hands out committed records in order and gives their room back.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "core/os/mapped_region.h"
#include "core/os/process.h"
#include "core/record/agent/ring.h"

namespace pymemlab {

class RingReader {
 public:
  // A new ring, the recording's `serial`th (from 1). Throws InputError.
  explicit RingReader(std::uint32_t serial);
  RingReader(const RingReader&) = delete;
  RingReader& operator=(const RingReader&) = delete;
  ~RingReader();

  // The agent opens it through /proc, as any process of the same user can.
  [[nodiscard]] int descriptor() const noexcept { return file_.descriptor(); }
  // Once the agent has it.
  void start() noexcept;
  // Whether requests need not be recorded for now. Threads: any.
  void set_paused(bool paused) noexcept { header_->paused.store(paused ? 1 : 0); }
  [[nodiscard]] const ring::Header& header() const noexcept { return *header_; }

  // Committed records that have not been released, adjacent in memory, in order. May be fewer than
  // there are. Once a quarter of the ring is taken, what is in it is copied out first, so that a
  // program which allocates faster than its trace is written need not wait: up to 256 MiB, for all
  // rings of this process together.
  [[nodiscard]] std::span<const ring::Record> committed();
  // Copies that have not been released.
  [[nodiscard]] std::size_t backlog() const noexcept;
  // The first `count` of them have been read, and their room may be used again.
  void release(std::size_t count) noexcept;
  // The records' memory, which the process would keep with its ring. What it writes there from now
  // on is lost.
  void give_back() noexcept;
  // Passes over positions that were taken and never committed. False if nothing is committed behind
  // them. REQUIRES: every writer is dead.
  [[nodiscard]] bool skip_hole() noexcept;

 private:
  using Block = std::vector<ring::Record>;

  void copy_out();
  // Gives the next `bytes` back to the writers.
  void advance(std::uint64_t bytes) noexcept;
  // Gets memory for what the process writes next, so that it need not wait until the kernel has
  // cleared it: as much again as it has written, in the first lap. A kernel that cannot do it
  // (before 5.14) leaves it to the process.
  void prepare() noexcept;
  [[nodiscard]] std::span<const ring::Record> committed_in_ring() const noexcept;
  [[nodiscard]] const ring::Record& at(std::uint64_t position) const noexcept {
    return records_[position % ring::kRingBytes / sizeof(ring::Record)];
  }
  [[nodiscard]] bool is_committed(std::uint64_t position) const noexcept;
  // No record at or past this position counts.
  [[nodiscard]] std::uint64_t end() const noexcept;

  MemoryFile file_;
  MappedRegion region_;
  ring::Header* header_;
  const ring::Record* records_;
  std::uint64_t position_ = ring::kFirstPosition;
  std::uint64_t first_ = position_;   // of all records
  std::uint64_t prepared_ = 0;        // bytes of the ring
  std::deque<Block> backlog_;         // none is empty
  std::size_t backlog_released_ = 0;  // of the first block
};

}  // namespace pymemlab
