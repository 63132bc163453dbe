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

std::string cell_name(const Json& cell, const std::vector<NamedCell>& cells) {
  std::string name = cell.at("configuration").get<std::string>();
  const auto differs = [&](const char* key) {
    return std::any_of(cells.begin(), cells.end(),
                       [&](const NamedCell& other) { return other.cell.at(key) != cell.at(key); });
  };
  const bool real = cell.at("target") != "model";
  if (differs("target")) name += fmt::format(" {}", target_name(cell));
  for (const char* key : {"profile", "build", "system_malloc", "touch"}) {
    if (real && std::string_view(key) == "profile") continue;  // the version says it
    if (differs(key)) name += fmt::format(" {}", cell.at(key).get<std::string>());
  }
  return name;
}

}  // namespace

std::vector<NamedCell> cells_of(const Json& results, const Json& trace) {
  std::vector<NamedCell> cells;
  for (const Json& cell : results.at("cells")) {
    if (cell.at("trace") == trace.at("id")) cells.push_back({.name = {}, .cell = cell});
  }
  for (NamedCell& named : cells) named.name = cell_name(named.cell, cells);
  return cells;
}

std::vector<NamedCell> named_cells(const Json& results) {
  std::vector<NamedCell> named;
  std::map<std::string, int> seen;
  for (const Json& trace : results.at("traces")) {
    const std::filesystem::path path = trace.at("path").get<std::string>();
    for (const auto& [within_trace, cell] : cells_of(results, trace)) {
      std::string name = fmt::format("{}/{}", path.stem().string(), within_trace);
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
