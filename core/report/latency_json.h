// A latency as it stands in a results document: `cell.latency` of results/schema.json.
#pragma once

#include <nlohmann/json.hpp>

#include "core/measure/latency.h"

namespace pymemlab {

[[nodiscard]] nlohmann::ordered_json latency_json(const Latency& latency);

}  // namespace pymemlab
