#include "core/report/time_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/report/interval.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

Json summary_json(const std::vector<TimeRound>& rounds) {
  const std::vector<double> ns = times_of(rounds);
  Json json = {{"rounds", rounds.size()},
               {"median_ns_per_event", nullptr},
               {"min_ns_per_event", nullptr},
               {"max_ns_per_event", nullptr},
               {"interval_ns_per_event", nullptr},
               {"interval_coverage", nullptr},
               {"interval_note", "insufficient rounds"}};
  if (ns.empty()) return json;
  json["median_ns_per_event"] = median(ns);
  json["min_ns_per_event"] = *std::min_element(ns.begin(), ns.end());
  json["max_ns_per_event"] = *std::max_element(ns.begin(), ns.end());
  if (const std::optional<MedianInterval> interval = median_interval(ns)) {
    json["interval_ns_per_event"] = {interval->low, interval->high};
    json["interval_coverage"] = interval->coverage;
    json["interval_note"] = "order statistics of the median, exact coverage";
  }
  return json;
}

Json counters_json(const TimeRound& round) {
  Json json = {{"minor_faults", round.minor_faults},
               {"major_faults", round.major_faults},
               {"involuntary_switches", round.involuntary_switches}};
  for (std::size_t i = 0; i < kHardwareEvents; ++i) {
    const std::uint64_t value = round.hardware.values[i];
    json[std::string(name(static_cast<HardwareEvent>(i)))] =
        value == HardwareCounts::kNotGiven ? Json(nullptr) : Json(value);
  }
  return json;
}

void add_rounds(Json& rows, const std::vector<TimeRound>& rounds) {
  for (const TimeRound& round : rounds) {
    rows.push_back({{"kind", round.repeat == 0 ? "cold" : "warm"},
                    {"round", round.round},
                    {"repeat", round.repeat},
                    {"events", round.events},
                    {"ns", round.nanoseconds},
                    {"ns_per_event", round.ns_per_event()},
                    {"counters", counters_json(round)}});
  }
}

// Instructions an event of the round that took the fewest; null where they are not counted.
Json fewest_instructions(const std::vector<TimeRound>& rounds) {
  Json fewest;
  for (const TimeRound& round : rounds) {
    const std::uint64_t count =
        round.hardware.values[static_cast<std::size_t>(HardwareEvent::instructions)];
    if (count == HardwareCounts::kNotGiven || round.events == 0) continue;
    const double per_event = static_cast<double>(count) / static_cast<double>(round.events);
    if (fewest.is_null() || per_event < fewest.get<double>()) fewest = per_event;
  }
  return fewest;
}

Json loop_json(const std::vector<TimeRound>& rounds) {
  const std::vector<double> ns = times_of(rounds);
  return {{"rounds_ns_per_event", ns},
          {"median_ns_per_event", ns.empty() ? Json(nullptr) : Json(median(ns))},
          {"instructions_per_event", fewest_instructions(rounds)}};
}

Json counters_reason(const Measurement& m) {
  if (m.hardware_error == 0) return nullptr;
  return fmt::format("the kernel gives no counters of the processor: perf_event_open: {}",
                     std::strerror(m.hardware_error));
}

}  // namespace

std::vector<double> times_of(const std::vector<TimeRound>& rounds) {
  std::vector<double> ns;
  ns.reserve(rounds.size());
  for (const TimeRound& round : rounds) ns.push_back(round.ns_per_event());
  return ns;
}

Json time_json(const Measurement& m) {
  Json rows = Json::array();
  add_rounds(rows, m.rounds);
  add_rounds(rows, m.warm_rounds);
  return {{"rounds", std::move(rows)},
          {"summary", summary_json(m.rounds)},
          {"warm_summary", m.warm_rounds.empty() ? Json(nullptr) : summary_json(m.warm_rounds)},
          {"loop", loop_json(m.loop_rounds)},
          {"cpu", m.cpu ? Json(*m.cpu) : Json(nullptr)},
          {"counters_reason", counters_reason(m)}};
}

}  // namespace pymemlab
