// A results document in the formats of other tools, so that what they know to do can be done with
// it. Pure functions of the document; what a format cannot hold is left out: docs/exports.md.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace pymemlab {

// A suite of pyperf (https://pyperf.readthedocs.io), version 1.0 of its format: a benchmark a cell
// for the time of an event, with a run for each fresh process, and one for its peak of mapped
// bytes.
[[nodiscard]] std::string export_pyperf(const nlohmann::ordered_json& results);
// Google Benchmark's JSON: an iteration a round, its time that of one event; `iterations` are
// events.
[[nodiscard]] std::string export_google_benchmark(const nlohmann::ordered_json& results);
// hyperfine's JSON (--export-json): a command a cell, its times those of whole replays.
[[nodiscard]] std::string export_hyperfine(const nlohmann::ordered_json& results);
// One figure a line: rounds, footprint samples at the three moments, figures of fragmentation.
[[nodiscard]] std::string export_csv(const nlohmann::ordered_json& results);
// Chrome's trace events, which Perfetto reads: a process a cell, its live, mapped and resident
// bytes and its arenas as counters. One microsecond is one KiB of the allocation clock.
[[nodiscard]] std::string export_perfetto(const nlohmann::ordered_json& results);

struct ExportFormat {
  std::string_view name;
  std::string (*text)(const nlohmann::ordered_json& results);
};
[[nodiscard]] const std::vector<ExportFormat>& export_formats();

}  // namespace pymemlab
