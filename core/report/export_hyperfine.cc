#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "core/report/cell_names.h"
#include "core/report/export.h"
#include "core/report/interval.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

Json deviation(const std::vector<double>& values, double mean) {
  if (values.size() < 2) return nullptr;
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

}  // namespace

std::string export_hyperfine(const Json& results) {
  Json commands = Json::array();
  for (const NamedCell& named : named_cells(results)) {
    std::vector<double> seconds;
    for (const Json& round : named.cell.at("time").at("rounds")) {
      if (round.at("kind").get<std::string>() == "cold")
        seconds.push_back(round.at("ns").get<double>() * 1e-9);
    }
    if (seconds.empty()) continue;
    const double mean =
        std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
    commands.push_back({{"command", named.name},
                        {"mean", mean},
                        {"stddev", deviation(seconds, mean)},
                        {"median", median(seconds)},
                        {"min", *std::min_element(seconds.begin(), seconds.end())},
                        {"max", *std::max_element(seconds.begin(), seconds.end())},
                        {"times", seconds},
                        {"exit_codes", std::vector<int>(seconds.size(), 0)}});
  }
  return Json{{"results", std::move(commands)}}.dump(1) + "\n";
}

}  // namespace pymemlab
