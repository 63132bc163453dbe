#include <fmt/format.h>

#include <array>
#include <iterator>
#include <map>

#include "core/report/csv.h"
#include "core/report/export.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kAxes = {"target",  "target_version", "configuration", "build",
                              "profile", "system_malloc",  "touch"};

class Rows {
 public:
  Rows() {
    text_ = "trace";
    for (const char* axis : kAxes) fmt::format_to(std::back_inserter(text_), ",{}", axis);
    text_ += ",figure,index,value\n";
  }

  void begin_cell(const std::string& trace, const Json& cell) {
    prefix_ = csv_field(trace);
    for (const char* axis : kAxes) {
      const Json value = cell.value(axis, Json());
      prefix_ += "," + (value.is_string() ? csv_field(value.get<std::string>()) : std::string());
    }
  }
  // What is not known has no row.
  void add(const std::string& figure, const Json& value, const std::string& index = "") {
    if (!value.is_number()) return;
    fmt::format_to(std::back_inserter(text_), "{},{},{},{}\n", prefix_, figure, index,
                   value.dump());
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string prefix_;
  std::string text_;
};

void add_memory(Rows& rows, const Json& memory) {
  for (const char* moment : {"peak_live", "peak", "end"}) {
    for (const auto& [name, value] : memory.at(moment).items())
      rows.add(fmt::format("{}.{}", moment, name), value);
  }
  for (const auto& [name, figure] : memory.at("fragmentation").items())
    rows.add("fragmentation." + name, figure.is_object() ? figure.at("value") : figure);
}

}  // namespace

std::string export_csv(const Json& results) {
  Rows rows;
  std::map<std::string, std::string> paths;
  for (const Json& trace : results.at("traces")) paths[trace.at("id")] = trace.at("path");
  for (const Json& cell : results.at("cells")) {
    rows.begin_cell(paths[cell.at("trace")], cell);
    for (const Json& round : cell.at("time").at("rounds")) {
      const std::string kind = round.at("kind");
      rows.add(kind + ".ns_per_event", round.at("ns_per_event"),
               round.value("round", Json()).dump());
    }
    if (!cell.at("memory").is_null()) add_memory(rows, cell.at("memory"));
  }
  return rows.take();
}

}  // namespace pymemlab
