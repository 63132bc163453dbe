// A cell's timed rounds as they stand in a results document: `cell.time` of results/schema.json.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "core/measure/measurement.h"

namespace pymemlab {

[[nodiscard]] std::vector<double> times_of(const std::vector<TimeRound>& rounds);

[[nodiscard]] nlohmann::ordered_json time_json(const Measurement& measurement);

}  // namespace pymemlab
