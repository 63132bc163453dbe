#include "core/report/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "core/base/units.h"
#include "core/report/rows.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

std::string mebibytes(const std::optional<double>& bytes) {
  return bytes ? fmt::format("{:.2f} MiB", *bytes / static_cast<double>(kMiB)) : "-";
}
std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.1f} %", *share * 100) : "-";
}
std::string nanoseconds(const std::optional<double>& ns) {
  return ns ? fmt::format("{:.2f}", *ns) : "-";
}
std::string interval(const std::optional<MedianInterval>& i) {
  return i ? fmt::format("[{:.2f}, {:.2f}]", i->low, i->high) : "-";
}
std::string change(const std::optional<double>& now, const std::optional<double>& then) {
  if (!now || !then || *then <= 0) return "-";
  return fmt::format("{:+.1f} %", 100 * (*now / *then - 1));
}

std::string verdict(const ComparedCell& cell) {
  if (!cell.time) return cell.baseline ? "-" : "baseline";
  std::string text(name(cell.verdict));
  if (cell.verdict == Verdict::no_difference && cell.time->minimum_detectable)
    text += fmt::format(" (from {:.1f} % on)", 100 * *cell.time->minimum_detectable);
  return text;
}

std::string row_name(const ComparedCell& cell) {
  return cell.is_void ? fmt::format("{} (void)", cell.name) : cell.name;
}

// One row a column: its heading and what a cell shows there.
struct TableColumn {
  const char* heading;
  std::string (*show)(const ComparedCell& cell);
};

constexpr std::array kSideBySide = {
    TableColumn{"configuration", row_name},
    TableColumn{"ns/event",
                [](const ComparedCell& c) { return nanoseconds(c.figures.ns_per_event); }},
    TableColumn{"interval", [](const ComparedCell& c) { return interval(c.figures.interval); }},
    TableColumn{"ratio",
                [](const ComparedCell& c) {
                  if (!c.baseline) return std::string("1");
                  return c.time ? fmt::format("{:.2f}", c.time->ratio) : "-";
                }},
    TableColumn{"of time", verdict},
    TableColumn{"peak live",
                [](const ComparedCell& c) { return mebibytes(c.figures.peak_live_bytes); }},
    TableColumn{"peak mapped",
                [](const ComparedCell& c) { return mebibytes(c.figures.peak_mapped_bytes); }},
    TableColumn{"peak resident",
                [](const ComparedCell& c) { return mebibytes(c.figures.peak_resident_bytes); }},
    TableColumn{"frag (byte-time)",
                [](const ComparedCell& c) { return percent(c.figures.byte_time); }},
    TableColumn{"internal", [](const ComparedCell& c) { return percent(c.figures.internal); }},
    TableColumn{"external", [](const ComparedCell& c) { return percent(c.figures.external); }},
};

constexpr std::array kBeforeAndAfter = {
    TableColumn{"configuration", row_name},
    TableColumn{"ns before",
                [](const ComparedCell& c) { return nanoseconds(c.baseline->ns_per_event); }},
    TableColumn{"ns after",
                [](const ComparedCell& c) { return nanoseconds(c.figures.ns_per_event); }},
    TableColumn{"change",
                [](const ComparedCell& c) {
                  return c.time ? fmt::format("{:+.1f} %", 100 * (c.time->ratio - 1)) : "-";
                }},
    TableColumn{"of time", verdict},
    TableColumn{"mapped before",
                [](const ComparedCell& c) { return mebibytes(c.baseline->peak_mapped_bytes); }},
    TableColumn{"mapped after",
                [](const ComparedCell& c) { return mebibytes(c.figures.peak_mapped_bytes); }},
    TableColumn{"change",
                [](const ComparedCell& c) {
                  return change(c.figures.peak_mapped_bytes, c.baseline->peak_mapped_bytes);
                }},
    TableColumn{"resident", [](const ComparedCell& c) {
                  return change(c.figures.peak_resident_bytes, c.baseline->peak_resident_bytes);
                }}};

Rows rows_of(const Comparison& comparison, const ComparedTrace& trace) {
  const std::span<const TableColumn> columns = comparison.before_and_after
                                                   ? std::span<const TableColumn>(kBeforeAndAfter)
                                                   : std::span<const TableColumn>(kSideBySide);
  Rows rows(1);
  for (const TableColumn& column : columns) rows[0].emplace_back(column.heading);
  for (const ComparedCell& cell : trace.cells) {
    rows.emplace_back();
    for (const TableColumn& column : columns) rows.back().push_back(column.show(cell));
  }
  return rows;
}

std::string legend(const Comparison& comparison) {
  std::string text = fmt::format(
      "ns/event: median of the cold rounds, the loop's own cost included; interval: of that "
      "median, {:.0f} % or, with fewer than {} rounds, less.\n{}, at {:.0f} % for the whole table "
      "(Holm);\n\"from X % on\": what so many rounds would find four times in five.\n",
      100 * kCoverage, kFewestRoundsForInterval,
      comparison.before_and_after
          ? "of time: Mann-Whitney's U"
          : "ratio: to the first row, the median over rounds; of time: the signed-rank test of "
            "paired rounds",
      100 * kLevel);
  if (comparison.before_and_after) return text;
  return text +
         "Fragmentation is the share of mapped bytes that no live request asked for: over the "
         "whole run (byte-time), and at peak mapped\nas internal (hooks and rounding, of bytes "
         "handed out) and external (bytes not handed out, of bytes mapped).\n";
}

std::string with_tables(const Comparison& comparison, std::string (*table)(const Rows& rows)) {
  std::string text;
  if (comparison.before_and_after)
    text += fmt::format("before: {}; after: {}\n\n", comparison.places[0], comparison.places[1]);
  for (const ComparedTrace& trace : comparison.traces)
    text += fmt::format("{}\n\n{}\n", trace.heading, table(rows_of(comparison, trace)));
  if (comparison.traces.empty()) text += "no cells\n";
  for (const std::string& note : comparison.notes) text += fmt::format("Note: {}.\n", note);
  return comparison.traces.empty() ? text : text + legend(comparison);
}

Json number(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json figures_json(const CellFigures& figures) {
  Json json = {{"rounds", figures.rounds},
               {"median_ns_per_event", number(figures.ns_per_event)},
               {"interval_ns_per_event", nullptr},
               {"interval_coverage", nullptr},
               {"peak_live_bytes", number(figures.peak_live_bytes)},
               {"peak_mapped_bytes", number(figures.peak_mapped_bytes)},
               {"peak_resident_bytes", number(figures.peak_resident_bytes)},
               {"byte_time", number(figures.byte_time)},
               {"internal_at_peak", number(figures.internal)},
               {"external_at_peak", number(figures.external)}};
  if (figures.interval) {
    json["interval_ns_per_event"] = {figures.interval->low, figures.interval->high};
    json["interval_coverage"] = figures.interval->coverage;
  }
  return json;
}

Json effect_json(const ComparedCell& cell) {
  if (!cell.time) return nullptr;
  Json json = {{"ratio", cell.time->ratio},
               {"ratio_interval", nullptr},
               {"test", cell.time->test},
               {"rounds", cell.time->rounds},
               {"p", cell.time->p},
               {"p_holm", cell.corrected_p},
               {"minimum_detectable_change", number(cell.time->minimum_detectable)},
               {"verdict", name(cell.verdict)}};
  if (cell.time->interval)
    json["ratio_interval"] = {cell.time->interval->low, cell.time->interval->high};
  return json;
}

std::string csv_value(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : value.dump();
}

constexpr std::array kFigureColumns = {"rounds",
                                       "median_ns_per_event",
                                       "peak_live_bytes",
                                       "peak_mapped_bytes",
                                       "peak_resident_bytes",
                                       "byte_time",
                                       "internal_at_peak",
                                       "external_at_peak"};
constexpr std::array kEffectColumns = {"ratio",  "test", "p", "p_holm", "minimum_detectable_change",
                                       "verdict"};

// One value a column; none of an object that is not there.
void add_values(std::vector<std::string>& row, const Json& object,
                std::span<const char* const> columns) {
  for (const char* column : columns)
    row.push_back(object.is_null() ? "" : csv_value(object.at(column)));
}

}  // namespace

std::string text_table(const Comparison& comparison) { return with_tables(comparison, aligned); }

std::string markdown_table(const Comparison& comparison) { return with_tables(comparison, piped); }

std::string csv_table(const Comparison& comparison) {
  Rows rows = {{"trace", "cell"}};
  for (const char* column : kFigureColumns) rows[0].emplace_back(column);
  for (const char* column : kFigureColumns) rows[0].push_back(fmt::format("baseline_{}", column));
  for (const char* column : kEffectColumns) rows[0].push_back(fmt::format("time_{}", column));
  for (const ComparedTrace& trace : comparison.traces) {
    for (const ComparedCell& cell : trace.cells) {
      rows.push_back({trace.path, row_name(cell)});
      add_values(rows.back(), figures_json(cell.figures), kFigureColumns);
      add_values(rows.back(), cell.baseline ? figures_json(*cell.baseline) : Json(),
                 kFigureColumns);
      add_values(rows.back(), effect_json(cell), kEffectColumns);
    }
  }
  return comma_separated(rows);
}

std::string json_table(const Comparison& comparison) {
  Json json = {{"schema", "pymemlab.comparison"},
               {"schema_version", 1},
               {"kind", comparison.before_and_after ? "before-and-after" : "side-by-side"},
               {"documents", comparison.places},
               {"notes", comparison.notes},
               {"traces", Json::array()}};
  for (const ComparedTrace& trace : comparison.traces) {
    Json cells = Json::array();
    for (const ComparedCell& cell : trace.cells) {
      cells.push_back({{"name", cell.name},
                       {"void", cell.is_void},
                       {"figures", figures_json(cell.figures)},
                       {"baseline", cell.baseline ? figures_json(*cell.baseline) : Json(nullptr)},
                       {"time", effect_json(cell)}});
    }
    json["traces"].push_back({{"heading", trace.heading}, {"cells", std::move(cells)}});
  }
  return json.dump(1) + "\n";
}

}  // namespace pymemlab
