#include "core/report/cell_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string_view>

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

// "libpython 3.11.2" where it is a real CPython, however long its path.
std::string target_name(const Json& cell) {
  const std::string target = cell.at("target");
  const Json version = cell.value("target_version", Json());
  if (!version.is_string()) return target;
  return fmt::format("{} {}", target.substr(0, target.find(':')), version.get<std::string>());
}

}  // namespace

std::string cell_name(const Json& cell, const std::vector<Json>& cells) {
  std::string name = cell.at("configuration").get<std::string>();
  const auto differs = [&](const char* key) {
    return std::any_of(cells.begin(), cells.end(),
                       [&](const Json& other) { return other.at(key) != cell.at(key); });
  };
  const bool real = cell.at("target") != "model";
  if (differs("target")) name += fmt::format(" {}", target_name(cell));
  for (const char* key : {"profile", "build", "system_malloc", "touch"}) {
    if (real && std::string_view(key) == "profile") continue;  // the version says it
    if (differs(key)) name += fmt::format(" {}", cell.at(key).get<std::string>());
  }
  return name;
}

std::vector<Json> cells_of(const Json& results, const Json& trace) {
  std::vector<Json> cells;
  for (const Json& cell : results.at("cells")) {
    if (cell.at("trace") == trace.at("id")) cells.push_back(cell);
  }
  return cells;
}

std::vector<NamedCell> named_cells(const Json& results) {
  std::vector<NamedCell> named;
  std::map<std::string, int> seen;
  for (const Json& trace : results.at("traces")) {
    const std::filesystem::path path = trace.at("path").get<std::string>();
    const std::vector<Json> cells = cells_of(results, trace);
    for (const Json& cell : cells) {
      std::string name = fmt::format("{}/{}", path.stem().string(), cell_name(cell, cells));
      const int times = ++seen[name];
      if (times > 1) name += fmt::format(" ({})", times);
      named.push_back({.name = std::move(name), .cell = cell});
    }
  }
  return named;
}

std::vector<double> cold_rounds(const Json& cell) {
  std::vector<double> ns;
  for (const Json& round : cell.at("time").at("rounds")) {
    if (round.at("kind") == "cold") ns.push_back(round.at("ns_per_event"));
  }
  return ns;
}

}  // namespace pymemlab
