// Runs cells: every round of every cell in a fresh worker process, rounds interleaved, footprint
// passes apart from the timed ones.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/measure/measurement.h"

namespace pymemlab {

struct RunOptions {
  std::string worker_program;  // default: the running program, which must call run_worker()
  std::uint64_t rounds = 7;
  std::uint64_t seed = 1;        // order of the cells within each round
  std::uint64_t samples = 2000;  // of the footprint, on the allocation clock
  bool footprint = true;
  // Called between rounds with what is done and what there is to do. May be empty.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

// Reads the trace once: its plan, digest and damage. Throws InputError.
[[nodiscard]] MeasuredTrace survey_trace(const std::string& path);

// Measurements in the order of `cells`. Throws InputError if a worker dies or cannot start, naming
// the cell.
[[nodiscard]] std::vector<Measurement> run_cells(const std::vector<MeasuredTrace>& traces,
                                                 const std::vector<Cell>& cells,
                                                 const RunOptions& options);

}  // namespace pymemlab
