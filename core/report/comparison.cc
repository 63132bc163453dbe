#include "core/report/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <vector>

#include "core/base/input_error.h"
#include "core/base/units.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

std::string mebibytes(const Json& bytes) {
  return bytes.is_null()
             ? "-"
             : fmt::format("{:.2f} MiB", bytes.get<double>() / static_cast<double>(kMiB));
}

// A figure is a number or an object that says why there is none.
std::string percent(const Json& figure) {
  return figure.is_number() ? fmt::format("{:.1f} %", figure.get<double>() * 100) : "-";
}

std::string nanoseconds(const Json& ns) {
  return ns.is_null() ? "-" : fmt::format("{:.2f}", ns.get<double>());
}

std::string interval(const Json& summary) {
  const Json& pair = summary.at("interval_ns_per_event");
  return pair.is_null()
             ? "-"
             : fmt::format("[{:.2f}, {:.2f}]", pair.at(0).get<double>(), pair.at(1).get<double>());
}

std::string ratio(const Json& cell, const Json& first) {
  const Json& ns = cell.at("time").at("summary").at("median_ns_per_event");
  const Json& base = first.at("time").at("summary").at("median_ns_per_event");
  if (ns.is_null() || base.is_null() || base.get<double>() == 0) return "-";
  return fmt::format("{:.2f}", ns.get<double>() / base.get<double>());
}

// One row a column of the table: its heading and what a cell shows there.
struct Column {
  const char* heading;
  std::string (*show)(const Json& cell, const Json& first);
};

const Json& at_peak(const Json& cell, const char* moment, const char* column) {
  static const Json kNone;
  return cell.at("memory").is_null() ? kNone : cell.at("memory").at(moment).at(column);
}
const Json& figure(const Json& cell, const char* name) {
  static const Json kNone;
  return cell.at("memory").is_null() ? kNone : cell.at("memory").at("fragmentation").at(name);
}

// The largest resident count of the series.
Json peak_resident(const Json& cell) {
  if (cell.at("memory").is_null()) return nullptr;
  Json largest;
  for (const Json& bytes : cell.at("memory").at("series").at("resident_bytes")) {
    if (!bytes.is_null() && (largest.is_null() || bytes > largest)) largest = bytes;
  }
  return largest;
}

constexpr Column kColumns[] = {
    {"ns/event",
     [](const Json& c, const Json&) {
       return nanoseconds(c.at("time").at("summary").at("median_ns_per_event"));
     }},
    {"interval", [](const Json& c, const Json&) { return interval(c.at("time").at("summary")); }},
    {"ratio", ratio},
    {"peak live",
     [](const Json& c, const Json&) { return mebibytes(at_peak(c, "peak_live", "live_bytes")); }},
    {"peak mapped",
     [](const Json& c, const Json&) { return mebibytes(at_peak(c, "peak", "mapped_bytes")); }},
    {"peak resident", [](const Json& c, const Json&) { return mebibytes(peak_resident(c)); }},
    {"frag (byte-time)",
     [](const Json& c, const Json&) { return percent(figure(c, "byte_time")); }},
    {"internal", [](const Json& c, const Json&) { return percent(figure(c, "internal_at_peak")); }},
    {"external", [](const Json& c, const Json&) { return percent(figure(c, "external_at_peak")); }},
};

// The configuration, and whatever else tells this cell from others of its trace.
std::string row_name(const Json& cell, const std::vector<Json>& cells) {
  std::string name = cell.at("configuration").get<std::string>();
  for (const char* key : {"target", "profile", "build", "system_malloc", "touch"}) {
    const bool differs = std::any_of(cells.begin(), cells.end(),
                                     [&](const Json& c) { return c.at(key) != cell.at(key); });
    if (differs) name += fmt::format(" {}", cell.at(key).get<std::string>());
  }
  if (cell.at("replayed").at("void").get<bool>()) name += " (void)";
  return name;
}

// Columns padded to their widest entry; the first to the left, the others to the right.
std::string align(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    text += fmt::format("{:<{}}", row[0], widths[0]);
    for (std::size_t i = 1; i < row.size(); ++i) text += fmt::format("  {:>{}}", row[i], widths[i]);
    text += '\n';
  }
  return text;
}

std::string trace_table(const Json& trace, const std::vector<Json>& cells) {
  std::vector<std::vector<std::string>> rows = {{"configuration"}};
  for (const Column& column : kColumns) rows[0].emplace_back(column.heading);
  for (const Json& cell : cells) {
    std::vector<std::string> row = {row_name(cell, cells)};
    for (const Column& column : kColumns) row.push_back(column.show(cell, cells.front()));
    rows.push_back(std::move(row));
  }
  return fmt::format("{}: {} events replayed, profile {}, arenas {}, touch {}\n\n{}",
                     trace.at("path").get<std::string>(),
                     cells.front().at("replayed").at("events").dump(),
                     cells.front().at("profile").get<std::string>(),
                     cells.front().at("arena_residue").get<std::string>(),
                     cells.front().at("touch").get<std::string>(), align(rows));
}

std::string legend(const Json& first_cell) {
  const Json& summary = first_cell.at("time").at("summary");
  std::string text = fmt::format("ns/event: median of {} cold rounds", summary.at("rounds").dump());
  if (!summary.at("interval_coverage").is_null()) {
    text += fmt::format("; the interval covers it with {:.1f} %",
                        summary.at("interval_coverage").get<double>() * 100);
  }
  text +=
      "; the loop's own cost is included; ratio is to the first row.\n"
      "Fragmentation is the share of mapped bytes that no live request asked for: over the whole "
      "run "
      "(byte-time), and at peak mapped\nas internal (hooks and rounding, of bytes handed out) and "
      "external "
      "(bytes not handed out, of bytes mapped).\n";
  return text;
}

}  // namespace

std::string comparison_table(const Json& document, const std::string& place) {
  try {
    std::string text;
    for (const Json& trace : document.at("traces")) {
      std::vector<Json> cells;
      for (const Json& cell : document.at("cells")) {
        if (cell.at("trace") == trace.at("id")) cells.push_back(cell);
      }
      if (!cells.empty()) text += trace_table(trace, cells) + "\n";
    }
    return text.empty() ? "no cells\n" : text + legend(document.at("cells").at(0));
  } catch (const Json::exception& error) {
    throw InputError("{}: the results document is damaged: {}", place, error.what());
  }
}

}  // namespace pymemlab
