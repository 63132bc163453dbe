#include "core/report/costs_json.h"

#include <array>
#include <string>

#include "core/measure/target.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

// One row a figure; everything that the heap counts walks this table.
struct HeapRow {
  const char* name;
  std::uint64_t (*value)(const HeapCosts& costs);
};
constexpr std::array kHeapRows = {
    HeapRow{"pool_inits", [](const HeapCosts& c) { return c.pool_inits; }},
    HeapRow{"pool_reuses", [](const HeapCosts& c) { return c.pool_reuses; }},
    HeapRow{"pools_emptied", [](const HeapCosts& c) { return c.pools_emptied; }},
    HeapRow{"pool_list_moves", [](const HeapCosts& c) { return c.pool_list_moves(); }},
    HeapRow{"arena_list_moves", [](const HeapCosts& c) { return c.arena_list_moves; }},
    HeapRow{"raw_requests", [](const HeapCosts& c) { return c.raw_requests; }},
    HeapRow{"raw_for_want", [](const HeapCosts& c) { return c.raw_for_want; }},
    HeapRow{"raw_reallocs", [](const HeapCosts& c) { return c.raw_reallocs; }},
    HeapRow{"pool_reallocs_in_place", [](const HeapCosts& c) { return c.reallocs_in_place; }},
    HeapRow{"pool_reallocs_moved", [](const HeapCosts& c) { return c.reallocs_moved; }},
    HeapRow{"pool_copied_bytes", [](const HeapCosts& c) { return c.copied_bytes; }},
};

Json none(const std::string& reason) { return {{"value", nullptr}, {"reason", reason}}; }

std::string why_not_counted(const Cell& cell) {
  if (target_named(cell.target).is_real()) return "a real CPython does not count it";
  return "pymalloc is not in use";
}

}  // namespace

Json costs_json(const Measurement& m) {
  Json json = Json::object();
  const std::string unmeasured =
      m.footprint_reason.empty() ? "it was not measured" : m.footprint_reason;
  auto add = [&](const char* name, std::uint64_t value) {
    json[name] = m.footprint ? Json(value) : none(unmeasured);
  };
  const CostCounts costs = m.footprint ? m.footprint->scan.costs : CostCounts{};
  add("reallocs", costs.reallocs);
  add("reallocs_moved", costs.reallocs_moved);
  add("arena_maps", costs.arena_maps);
  add("arena_unmaps", costs.arena_unmaps);
  for (const HeapRow& row : kHeapRows) {
    if (m.footprint && !costs.heap_counted) {
      json[row.name] = none(why_not_counted(m.cell));
    } else {
      add(row.name, row.value(costs.heap));
    }
  }
  return json;
}

}  // namespace pymemlab
