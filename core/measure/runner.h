// Runs cells: every round of every cell in a fresh worker process, rounds interleaved, footprint
// passes apart from the timed ones.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/measure/measurement.h"

namespace pymemlab {

struct RunOptions {
  std::string worker_program;  // default: the running program, which must call run_worker()
  std::uint64_t rounds = 7;    // of each cell, at most
  // Whether a cell's rounds say enough: it then gets no further one, unless it is its trace's first
  // cell, which the others are compared with. Empty: every cell gets all rounds.
  std::function<bool(const std::vector<TimeRound>& rounds)> suffices;
  // No work is begun that would probably end after this moment of now_nanoseconds(): the first
  // round comes first, then footprints and latencies, in at most half of the time that is left,
  // then more rounds. 0: there is no such moment, and rounds come first.
  std::uint64_t deadline = 0;
  std::uint64_t seed = 1;        // order of the cells within each round
  std::uint64_t samples = 2000;  // of the footprint, on the allocation clock
  bool footprint = true;
  bool latency = false;
  std::uint64_t arena_map_moments = 0;  // of a map of the arenas, where pymalloc is modelled
  std::uint64_t warm = 0;               // further replays in the process of each round
  // The processor that timed workers are bound to, if the kernel agrees.
  std::optional<unsigned> cpu = {};
  // Called between rounds with what is done and what there is to do. May be empty.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

// Reads the trace once: its plan, digest and damage. Throws InputError.
[[nodiscard]] MeasuredTrace survey_trace(const std::string& path);

// What a target and a malloc say of themselves, asked in a worker of their own.
struct Probe {
  std::string target_version;  // of a real CPython
  std::size_t alignment = 0;   // and the spacing of its size classes
  MallocIdentity malloc;
  std::string said;  // on standard error
};
// Throws InputError in one sentence where there is no such thing, or it cannot be driven.
[[nodiscard]] Probe probe(const std::string& target, const SystemMalloc& system_malloc,
                          const std::string& configuration, const RunOptions& options);

// Measurements in the order of `cells`. Throws InputError if a worker dies or cannot start, naming
// the cell.
[[nodiscard]] std::vector<Measurement> run_cells(const std::vector<MeasuredTrace>& traces,
                                                 const std::vector<Cell>& cells,
                                                 const RunOptions& options);

}  // namespace pymemlab
