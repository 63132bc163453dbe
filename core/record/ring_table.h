// The collector's end of the table (agent/table.h): puts rings on offer and finds those that
// processes have taken.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/os/mapped_region.h"
#include "core/os/process.h"
#include "core/record/agent/table.h"
#include "core/record/ring_reader.h"

namespace pymemlab {

struct RingTableOptions {
  bool follow_tree = false;  // a ring for every process; otherwise one, for the first
  bool paused = false;       // of the rings on offer
  bool checkpoints = false;
  std::uint32_t checkpoint_every = 0;
  std::uint32_t site_depth = 0;
};

class RingTable {
 public:
  // Throws InputError.
  explicit RingTable(const RingTableOptions& options);

  // Where any process of the same user can open it.
  [[nodiscard]] std::string path() const;
  // The value of ring::kTableVariable for an agent that is `component` in LD_PRELOAD.
  [[nodiscard]] std::string variable(const std::string& component) const;

  // The rings that were taken since the last call, by processes that have said who they are; others
  // go on offer in their place.
  [[nodiscard]] std::vector<std::unique_ptr<RingReader>> taken();
  // Of the rings on offer, now and later.
  void set_paused(bool paused) noexcept;
  // Processes that found no ring and run unrecorded.
  [[nodiscard]] std::uint32_t turned_away() const noexcept { return table_->turned_away.load(); }

 private:
  void offer(std::size_t seat);
  void refill();

  RingTableOptions options_;
  MemoryFile file_;
  MappedRegion region_;
  ring::Table* table_;
  std::array<std::unique_ptr<RingReader>, ring::kSeats> rings_;  // by seat, offered or just taken
  std::uint32_t serial_ = 0;
};

}  // namespace pymemlab
