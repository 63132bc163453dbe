#include "core/report/cell_names.h"
#include "core/report/export.h"

namespace pymemlab {

using Json = nlohmann::ordered_json;

std::string export_google_benchmark(const Json& results) {
  const Json& context = results.at("context");
  Json rows = Json::array();
  std::size_t family = 0;
  for (const NamedCell& named : named_cells(results)) {
    const std::vector<double> rounds = cold_rounds(named.cell);
    for (std::size_t i = 0; i < rounds.size(); ++i) {
      // The replay is one thread that does not wait: its time is the processor's.
      rows.push_back({{"name", named.name},
                      {"family_index", family},
                      {"per_family_instance_index", 0},
                      {"run_name", named.name},
                      {"run_type", "iteration"},
                      {"repetitions", rounds.size()},
                      {"repetition_index", i},
                      {"threads", 1},
                      {"iterations", named.cell.at("replayed").at("events")},
                      {"real_time", rounds[i]},
                      {"cpu_time", rounds[i]},
                      {"time_unit", "ns"}});
    }
    ++family;
  }
  const Json document = {{"context",
                          {{"date", context.value("started", Json())},
                           {"host_name", context.value("host", Json())},
                           {"executable", "pymemlab"},
                           {"num_cpus", context.value("cpus", Json())},
                           {"library_build_type", context.value("build_type", Json())}}},
                         {"benchmarks", std::move(rows)}};
  return document.dump(1) + "\n";
}

}  // namespace pymemlab
