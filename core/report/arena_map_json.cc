#include "core/report/arena_map_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

Json moment_json(const ArenaMap::Moment& moment) {
  Json slots = Json::array();
  Json ordinals = Json::array();
  Json live_blocks = Json::array();
  Json used_bytes = Json::array();
  for (const MappedArena& arena : moment.arenas) {
    slots.push_back(arena.slot);
    ordinals.push_back(arena.ordinal);
    live_blocks.push_back(arena.live_blocks);
    used_bytes.push_back(arena.used_bytes);
  }
  return {{"event", moment.event},
          {"allocated_bytes", moment.allocated_bytes},
          {"slots", std::move(slots)},
          {"ordinals", std::move(ordinals)},
          {"live_blocks", std::move(live_blocks)},
          {"used_bytes", std::move(used_bytes)},
          {"pools", base64(std::as_bytes(std::span(moment.pools)))}};
}

}  // namespace

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t here = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < here ? std::to_integer<unsigned>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= here ? kDigits[group >> (18 - 6 * k) & 63u] : '=';
  }
  return text;
}

nlohmann::ordered_json arena_map_json(const ArenaMap& map, const Geometry& geometry) {
  Json moments = Json::array();
  for (const ArenaMap::Moment& moment : map.moments) moments.push_back(moment_json(moment));
  Json note = nullptr;
  if (map.moments_wanted > map.moments_planned) {
    note = fmt::format("{} of the {} asked for, as the heap is large", map.moments_planned,
                       map.moments_wanted);
  }
  return {{"arena_bytes", geometry.arena_bytes},
          {"pool_bytes", geometry.pool_bytes},
          {"pools_per_arena", geometry.pools_per_arena()},
          {"alignment", geometry.alignment},
          {"note", std::move(note)},
          {"moments", std::move(moments)}};
}

}  // namespace pymemlab
