// A cell's deterministic costs as they stand in a results document: `cell.costs` of
// results/schema.json. docs/metrics.md ("Costs") defines each.
#pragma once

#include <nlohmann/json.hpp>

#include "core/measure/measurement.h"

namespace pymemlab {

[[nodiscard]] nlohmann::ordered_json costs_json(const Measurement& measurement);

}  // namespace pymemlab
