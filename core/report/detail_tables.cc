#include "core/report/detail_tables.h"

#include <fmt/format.h>

#include <array>

#include "core/base/units.h"
#include "core/report/damaged.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

// Headings and the keys under which a document has them.
struct Column {
  const char* heading;
  const char* key;
};
constexpr std::array kQuantiles = {Column{"mean", "mean_ns"},  Column{"p50", "p50_ns"},
                                   Column{"p90", "p90_ns"},    Column{"p99", "p99_ns"},
                                   Column{"p99.9", "p999_ns"}, Column{"max", "max_ns"}};
constexpr std::array kCosts = {Column{"pool inits", "pool_inits"},
                               Column{"pool reuses", "pool_reuses"},
                               Column{"pool list moves", "pool_list_moves"},
                               Column{"arena maps", "arena_maps"},
                               Column{"arena unmaps", "arena_unmaps"},
                               Column{"arena list moves", "arena_list_moves"},
                               Column{"raw requests", "raw_requests"},
                               Column{"reallocs", "reallocs"},
                               Column{"moved", "reallocs_moved"},
                               Column{"copied in pools", "pool_copied_bytes"}};

std::string short_number(const Json& value) { return fmt::format("{:.1f}", value.get<double>()); }
std::string full_number(const Json& value) { return value.is_number() ? value.dump() : ""; }

// A call that does nothing comes last: it says what the clock is worth.
void add_latency_rows(Rows& rows, const NamedCell& named, std::string (*show)(const Json&)) {
  const Json& latency = named.cell.at("latency");
  auto add = [&](const std::string& call, const Json& figures) {
    std::vector<std::string> row = {named.name, call, figures.at("calls").dump()};
    for (const Column& column : kQuantiles) row.push_back(show(figures.at(column.key)));
    rows.push_back(std::move(row));
  };
  for (const Json& kind : latency.at("kinds")) add(kind.at("kind"), kind);
  add("(empty)", latency.at("timer").at("empty_call"));
}

Rows latency_headings() {
  Rows rows = {{"configuration", "call", "calls"}};
  for (const Column& column : kQuantiles) rows[0].emplace_back(column.heading);
  return rows;
}

bool has_latency(const NamedCell& named) {
  return named.cell.contains("latency") && !named.cell.at("latency").is_null();
}

std::string without_latency(const NamedTrace& trace) {
  std::string text;
  for (const NamedCell& named : trace.cells) {
    if (has_latency(named)) continue;
    const Json reason = named.cell.value("latency_reason", Json());
    text += fmt::format("{}: no latency: {}\n", named.name,
                        reason.is_string() ? reason.get<std::string>() : "it was not measured");
  }
  return text;
}

Json cost(const NamedCell& named, const char* key) {
  return named.cell.value("costs", Json::object()).value(key, Json());
}

Rows cost_headings() {
  Rows rows = {{"configuration"}};
  for (const Column& column : kCosts) rows[0].emplace_back(column.heading);
  return rows;
}

// The trace's name before every row.
void put_in_front(Rows& all, const Rows& rows, const std::string& name) {
  for (std::size_t i = 1; i < rows.size(); ++i) {
    all.push_back({name});
    all.back().insert(all.back().end(), rows[i].begin(), rows[i].end());
  }
}

}  // namespace

std::string latency_tables(const NamedDocument& document, std::string (*layout)(const Rows& rows)) {
  return unless_damaged(document.place, "the results document", [&] {
    std::string text;
    for (const NamedTrace& trace : named_traces(document)) {
      Rows rows = latency_headings();
      for (const NamedCell& named : trace.cells) {
        if (has_latency(named)) add_latency_rows(rows, named, short_number);
      }
      text += fmt::format("{}\n\n", trace.heading);
      if (rows.size() > 1) text += layout(rows) + "\n";
      text += without_latency(trace);
    }
    return text +
           "Nanoseconds of single calls, each between two readings of a clock, which are part of "
           "every figure;\n(empty): a call that returns at once, timed the same way: what the "
           "clock itself makes of nothing.\n";
  });
}

std::string costs_tables(const NamedDocument& document, std::string (*layout)(const Rows& rows)) {
  return unless_damaged(document.place, "the results document", [&] {
    std::string text;
    for (const NamedTrace& trace : named_traces(document)) {
      Rows rows = cost_headings();
      for (const NamedCell& named : trace.cells) {
        rows.push_back({named.name});
        for (const Column& column : kCosts) {
          const Json value = cost(named, column.key);
          rows.back().push_back(value.is_number() ? value.dump() : "-");
        }
      }
      text += fmt::format("{}\n\n{}\n", trace.heading, layout(rows));
    }
    return text +
           "Counts of the model, the same in every run and on every machine. raw requests: new "
           "blocks that pymalloc leaves to malloc;\nmoved: reallocs that changed the address; "
           "copied in pools: bytes that pymalloc copied for them. -: not counted.\n";
  });
}

std::string latency_csv(const NamedDocument& document) {
  return unless_damaged(document.place, "the results document", [&] {
    Rows all = {{"trace", "cell", "call", "calls"}};
    for (const Column& column : kQuantiles) all[0].emplace_back(column.key);
    for (const NamedTrace& trace : named_traces(document)) {
      Rows rows = latency_headings();
      for (const NamedCell& named : trace.cells) {
        if (has_latency(named)) add_latency_rows(rows, named, full_number);
      }
      put_in_front(all, rows, trace.path);
    }
    return comma_separated(all);
  });
}

std::string costs_csv(const NamedDocument& document) {
  return unless_damaged(document.place, "the results document", [&] {
    Rows all = {{"trace", "cell"}};
    for (const Column& column : kCosts) all[0].emplace_back(column.key);
    for (const NamedTrace& trace : named_traces(document)) {
      for (const NamedCell& named : trace.cells) {
        all.push_back({trace.path, named.name});
        for (const Column& column : kCosts)
          all.back().push_back(full_number(cost(named, column.key)));
      }
    }
    return comma_separated(all);
  });
}

std::string details_json(const NamedDocument& document, const char* what) {
  Json rows = Json::array();
  for (const NamedTrace& trace : named_traces(document)) {
    for (const NamedCell& named : trace.cells) {
      rows.push_back(
          {{"trace", trace.path}, {"cell", named.name}, {what, named.cell.value(what, Json())}});
    }
  }
  return rows.dump(1) + "\n";
}

}  // namespace pymemlab
