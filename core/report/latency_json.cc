#include "core/report/latency_json.h"

#include <array>
#include <utility>

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

void add_figures(Json& json, const LatencyHistogram& histogram) {
  json["calls"] = histogram.calls();
  json["mean_ns"] = histogram.mean_ns();
  json["p50_ns"] = histogram.quantile_ns(0.5);
  json["p90_ns"] = histogram.quantile_ns(0.9);
  json["p99_ns"] = histogram.quantile_ns(0.99);
  json["p999_ns"] = histogram.quantile_ns(0.999);
  json["max_ns"] = histogram.max_ns();
}

// Those that hold calls; the last of all has no end.
Json buckets_json(const LatencyHistogram& histogram) {
  Json buckets = Json::array();
  for (std::size_t i = 0; i < LatencyHistogram::kBuckets; ++i) {
    if (histogram.calls_in(i) == 0) continue;
    const bool is_last = i + 1 == LatencyHistogram::kBuckets;
    buckets.push_back({{"from_ns", LatencyHistogram::from_ns(i)},
                       {"to_ns", is_last ? Json(nullptr) : Json(LatencyHistogram::from_ns(i + 1))},
                       {"calls", histogram.calls_in(i)}});
  }
  return buckets;
}

Json kinds_json(const Latency& latency) {
  std::array<LatencyHistogram, kCallKinds> kinds{};
  for (const Latency::Row& row : latency.sizes)
    kinds[static_cast<std::size_t>(row.kind)].add(row.histogram);
  Json json = Json::array();
  for (std::size_t k = 0; k < kCallKinds; ++k) {
    if (kinds[k].calls() == 0) continue;
    Json row = {{"kind", name(static_cast<CallKind>(k))}};
    add_figures(row, kinds[k]);
    row["buckets"] = buckets_json(kinds[k]);
    json.push_back(std::move(row));
  }
  return json;
}

}  // namespace

Json latency_json(const Latency& latency) {
  const LatencyTimer& timer = latency.timer;
  Json empty_call = Json::object();
  add_figures(empty_call, timer.empty_calls);
  empty_call["buckets"] = buckets_json(timer.empty_calls);
  Json sizes = Json::array();
  for (const Latency::Row& row : latency.sizes) {
    const bool is_bounded = row.to_bytes != ~std::uint64_t{0};
    Json json = {{"kind", name(row.kind)},
                 {"from_bytes", row.from_bytes},
                 {"to_bytes", is_bounded ? Json(row.to_bytes) : Json(nullptr)}};
    add_figures(json, row.histogram);
    sizes.push_back(std::move(json));
  }
  return {{"timer",
           {{"clock", timer.clock},
            {"resolution_ns", timer.resolution_ns},
            {"overhead_ns", timer.overhead_ns},
            {"empty_call", std::move(empty_call)}}},
          {"kinds", kinds_json(latency)},
          {"size_classes", std::move(sizes)}};
}

}  // namespace pymemlab
