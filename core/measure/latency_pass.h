// Replays a trace in a worker with a clock around each single call. What it keeps lies in mappings:
// nothing comes from the measured malloc.
#pragma once

#include <cstdint>
#include <span>

#include "core/measure/latency.h"
#include "core/measure/worker_channel.h"
#include "core/os/mapped_region.h"
#include "core/os/tick_clock.h"
#include "core/replay/replay.h"

namespace pymemlab {

class LatencyPass {
 public:
  // Measures the clock itself first. REQUIRES: domains and channel outlive the pass.
  LatencyPass(const DomainTable& domains, const WorkerChannel& channel);

  void window(std::span<const ReplayEvent> events, const std::uint64_t* wide) noexcept;

 private:
  template <typename Ticks>
  void set_up() noexcept;
  template <typename Ticks>
  void perform(ReplayEvent event, const std::uint64_t*& wide) noexcept;
  void took(CallKind kind, std::size_t range, std::uint64_t ticks) noexcept;
  void keep(std::uint32_t slot, void* block, const Call& call, std::size_t old_bytes) noexcept;

  const DomainTable& domains_;
  Touch touch_;
  WorkerResult* result_;
  LatencyTable table_;
  SizeRanges ranges_;
  bool tsc_;
  TickScale scale_;
  MappedArray<void*> live_;
  MappedArray<std::uint64_t> sizes_;
};

}  // namespace pymemlab
