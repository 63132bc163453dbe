// The collector's end of the ring: hands out committed records in order and gives their room back.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/os/mapped_region.h"
#include "core/os/process.h"
#include "core/record/agent/ring.h"

namespace pymemlab {

class RingReader {
 public:
  // A new ring, to be taken by the first Python process that finds it. `preload` is what stands for
  // the agent in LD_PRELOAD. Throws InputError.
  explicit RingReader(const std::string& preload);
  // Before the command is started: the agent is to take checkpoints (ring::Header).
  void ask_for_checkpoints(std::uint32_t every) noexcept;

  // What the agent opens: any process of the same user can, as long as this object lives.
  [[nodiscard]] std::string path() const;
  [[nodiscard]] const ring::Header& header() const noexcept { return *header_; }

  // Committed records that have not been released, adjacent in memory, in order. May be fewer than
  // there are.
  [[nodiscard]] std::span<const ring::Record> committed() const noexcept;
  // The first `count` of them have been read, and their room may be used again.
  void release(std::size_t count) noexcept;
  // Passes over positions that were taken and never committed. False if nothing is committed behind
  // them. REQUIRES: every writer is dead.
  [[nodiscard]] bool skip_hole() noexcept;

 private:
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
};

}  // namespace pymemlab
