// An arena map as it stands in a results document: `cell.arena_map` of results/schema.json.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "core/measure/arena_map.h"

namespace pymemlab {

[[nodiscard]] nlohmann::ordered_json arena_map_json(const ArenaMap& map, const Geometry& geometry);

// RFC 4648, with padding.
[[nodiscard]] std::string base64(std::span<const std::byte> bytes);

}  // namespace pymemlab
