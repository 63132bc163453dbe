#include "core/report/cell_names.h"
#include "core/report/export.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

// pyperf takes no null and no empty text.
void add_if_known(Json& metadata, const char* name, const Json& value) {
  if (value.is_number() || (value.is_string() && value != "")) metadata[name] = value;
}

Json benchmark(const std::string& name, const char* unit, const Json& values) {
  Json runs = Json::array();
  for (const Json& value : values) runs.push_back({{"values", {value}}});
  return {{"metadata", {{"name", name}, {"unit", unit}}}, {"runs", std::move(runs)}};
}

}  // namespace

std::string export_pyperf(const Json& results) {
  const Json& context = results.at("context");
  Json metadata = Json::object();
  add_if_known(metadata, "hostname", context.value("host", Json()));
  add_if_known(metadata, "cpu_model_name", context.value("cpu", Json()));
  add_if_known(metadata, "cpu_count", context.value("cpus", Json()));
  add_if_known(metadata, "pymemlab_version", context.value("pymemlab", Json()));
  Json benchmarks = Json::array();
  for (const NamedCell& named : named_cells(results)) {
    Json seconds = Json::array();
    for (const double ns : cold_rounds(named.cell)) seconds.push_back(ns * 1e-9);
    if (!seconds.empty()) benchmarks.push_back(benchmark(named.name, "second", seconds));
    const Json& memory = named.cell.at("memory");
    if (memory.is_null()) continue;
    benchmarks.push_back(benchmark(named.name + " peak mapped", "byte",
                                   Json::array({memory.at("peak").at("mapped_bytes")})));
  }
  const Json suite = {
      {"version", "1.0"}, {"metadata", std::move(metadata)}, {"benchmarks", std::move(benchmarks)}};
  return suite.dump(1) + "\n";
}

}  // namespace pymemlab
