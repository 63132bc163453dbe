// What is in a trace, in numbers. Memory is bounded by the live set, whatever the trace's length.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/base/domain.h"
#include "core/trace/event.h"
#include "core/trace/trace_reader.h"

namespace pymemlab {

// What one thread asked for, as far as it enters the figures below.
struct ThreadSummary {
  std::uint64_t requests = 0;
  std::uint64_t requested_bytes = 0;
  std::uint64_t frees = 0;          // of live blocks
  std::uint64_t foreign_frees = 0;  // of them, of blocks that another thread allocated
};

// Nested calls are counted, and counted as such, but do not enter sizes, live figures or lifetimes:
// what an allocator asks for itself is not the program's. A failed request asked for nothing.
struct TraceSummary {
  std::uint64_t events = 0;
  std::array<std::array<std::uint64_t, kDomains>, kEventKinds> by_kind{};  // [kind][domain]
  std::uint64_t nested = 0;
  std::uint64_t failed = 0;

  // Requests for a size: malloc, calloc, every realloc.
  std::uint64_t requests = 0;
  std::uint64_t requested_bytes = 0;
  std::uint64_t largest_request = 0;
  // [0]: of 0 bytes; [i]: of 2^(i-1) .. 2^i - 1 bytes.
  std::array<std::uint64_t, 65> sizes_log2{};
  // [0]: of 0 bytes; [i]: of 16 (i - 1) + 1 .. 16 i bytes, up to 512.
  std::array<std::uint64_t, 33> sizes_small{};

  std::uint64_t peak_live_bytes = 0;
  std::uint64_t peak_live_bytes_event = 0;  // number of the event that first reached it
  std::uint64_t peak_live_blocks = 0;
  std::uint64_t peak_live_blocks_event = 0;
  std::uint64_t end_live_bytes = 0;
  std::uint64_t end_live_blocks = 0;

  // Of blocks that were freed: allocations of the program between allocation and free, its own
  // included; 1 is a block freed before the next was allocated. [i]: of 2^i .. 2^(i+1) - 1.
  std::array<std::uint64_t, 64> lifetimes_log2{};
  // The same by the size that the block had when it was freed: [as sizes_log2][as lifetimes_log2].
  std::array<std::array<std::uint64_t, 64>, 65> lifetimes_by_size{};
  std::uint64_t lifetimes = 0;
  // Exact up to 4096, above that the lower end of a bin one 16th of a power of two wide.
  std::uint64_t lifetime_p50 = 0;
  std::uint64_t lifetime_p90 = 0;
  std::uint64_t lifetime_p99 = 0;

  std::uint64_t null_frees = 0;
  std::uint64_t dead_frees = 0;  // of blocks that were freed before
  std::uint64_t dead_reallocs = 0;
  std::uint64_t unknown_frees = 0;
  std::uint64_t unknown_reallocs = 0;
  std::uint64_t domain_mix_ups = 0;  // freed or resized through another domain than gave the block

  std::uint64_t arena_requests = 0;
  std::uint64_t arena_refusals = 0;
  std::uint64_t arena_releases = 0;
  std::uint64_t arena_bytes_peak = 0;
  std::uint64_t threads = 1;  // that are named, and the first
  std::uint64_t interpreters = 1;
  std::vector<ThreadSummary> by_thread = {{}};
  Slot slots = 0;
  std::string digest;
  std::vector<std::string> marks;
  std::optional<std::string> damage;
};

// Reads the trace to its end; `see`, unless empty, is shown every batch. REQUIRES: nothing was read
// from it yet.
[[nodiscard]] TraceSummary summarize(TraceReader& trace,
                                     const std::function<void(const EventBatch&)>& see = {});

// The summary as results and `info --format json` show it; docs/trace-format.md lists the keys.
[[nodiscard]] nlohmann::json to_json(const TraceSummary& summary);

}  // namespace pymemlab
