// What a trace lacks because recording began late or was paused. Arenas are told of in a pause too;
// they are kept here until recording goes on, since a trace that ends in a pause is exact up to
// there.
#pragma once

#include <cstdint>
#include <vector>

#include "core/record/agent/ring.h"
#include "core/trace/metadata.h"

namespace pymemlab {

class Pauses {
 public:
  Pauses() = default;
  // `paused`: recording has yet to start.
  explicit Pauses(bool paused) noexcept : paused_(paused), has_started_(!paused) {}

  [[nodiscard]] bool paused() const noexcept { return paused_; }
  [[nodiscard]] bool has_started() const noexcept { return has_started_; }

  // REQUIRES: not paused.
  void begin() noexcept { paused_ = true; }
  // Returns the records of the arenas that came and stayed. REQUIRES: paused.
  [[nodiscard]] std::vector<ring::Record> end();
  // In a pause: the record of an arena's request or release.
  void keep_arena(const ring::Record& record);

  // Sets what the trace lacks in `unknown`, and how often recording was paused.
  void describe(TraceMetadata& metadata) const;

 private:
  std::vector<ring::Record> arenas_;  // less the pairs that cancel out
  std::uint64_t gaps_ = 0;            // pauses that ended, but for a late start
  bool paused_ = false;
  bool has_started_ = true;
  bool began_late_ = false;
};

}  // namespace pymemlab
