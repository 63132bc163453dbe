#include <fmt/format.h>

#include <array>
#include <map>

#include "core/report/export.h"
#include "core/report/rows.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kAxes = {"target",  "target_version", "configuration", "build",
                              "profile", "system_malloc",  "touch"};

// A figure of the cell that `cell` names. What is not known has no row.
void add(Rows& rows, const std::vector<std::string>& cell, const std::string& figure,
         const Json& value, const std::string& index = "") {
  if (!value.is_number()) return;
  rows.push_back(cell);
  rows.back().insert(rows.back().end(), {figure, index, value.dump()});
}

void add_memory(Rows& rows, const std::vector<std::string>& cell, const Json& memory) {
  for (const char* moment : {"peak_live", "peak", "end"}) {
    for (const auto& [name, value] : memory.at(moment).items())
      add(rows, cell, fmt::format("{}.{}", moment, name), value);
  }
  for (const auto& [name, figure] : memory.at("fragmentation").items())
    add(rows, cell, "fragmentation." + name, figure.is_object() ? figure.at("value") : figure);
}

}  // namespace

std::string export_csv(const Json& results) {
  Rows rows = {{"trace"}};
  rows[0].insert(rows[0].end(), kAxes.begin(), kAxes.end());
  rows[0].insert(rows[0].end(), {"figure", "index", "value"});
  std::map<std::string, std::string> paths;
  for (const Json& trace : results.at("traces")) paths[trace.at("id")] = trace.at("path");
  for (const Json& cell : results.at("cells")) {
    std::vector<std::string> named = {paths[cell.at("trace")]};
    for (const char* axis : kAxes) {
      const Json value = cell.value(axis, Json());
      named.push_back(value.is_string() ? value.get<std::string>() : "");
    }
    for (const Json& round : cell.at("time").at("rounds")) {
      const std::string kind = round.at("kind");
      add(rows, named, kind + ".ns_per_event", round.at("ns_per_event"),
          round.value("round", Json()).dump());
    }
    if (!cell.at("memory").is_null()) add_memory(rows, named, cell.at("memory"));
  }
  return comma_separated(rows);
}

}  // namespace pymemlab
