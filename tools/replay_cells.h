// Which cells a replay measures: the product of what was asked for, without the cells that make no
// sense or would measure the same thing twice.
#pragma once

#include <string>
#include <vector>

#include "core/measure/runner.h"

namespace pymemlab {

// As on the command line.
struct CellAxes {
  std::vector<std::string> configurations = {};  // "all": whatever the target knows
  std::vector<std::string> profiles = {};        // of the model; empty: the recorded Python's
  std::vector<std::string> targets = {"model"};
  std::vector<std::string> system_mallocs = {"glibc"};  // "all": what this machine has
  std::string build = "release";
  std::string arena_residue = {};  // empty: recorded where the trace has such arenas, else random
  Touch touch = Touch::first;
  std::uint64_t seed = 1;
};

struct PlannedCells {
  std::vector<Cell> cells;
  std::vector<std::string> left_out;  // sentences: what, and why
};

// Probes targets and mallocs in workers. Throws InputError for what was asked for by name and is
// not to be had.
[[nodiscard]] PlannedCells plan_cells(const CellAxes& axes,
                                      const std::vector<MeasuredTrace>& traces,
                                      const RunOptions& options);

// What this machine offers for each axis, as text.
[[nodiscard]] std::string machine_offers(const RunOptions& options);

}  // namespace pymemlab
