#include "core/report/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include "core/base/input_error.h"
#include "core/report/cell_names.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

// Where half of all cells spread more than this, the machine was busy with something else.
constexpr double kNoisy = 0.05;

std::optional<double> number(const Json& value) {
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

// The largest resident count of the series.
std::optional<double> peak_resident(const Json& memory) {
  std::optional<double> largest;
  for (const Json& bytes : memory.at("series").at("resident_bytes")) {
    const std::optional<double> value = number(bytes);
    if (value && (!largest || *value > *largest)) largest = value;
  }
  return largest;
}

// Cold rounds by their number in the run. Documents of old have no numbers: the order is as good.
std::map<std::uint64_t, double> rounds_of(const Json& cell) {
  std::map<std::uint64_t, double> rounds;
  for (const Json& round : cell.at("time").at("rounds")) {
    if (round.at("kind") == "cold")
      rounds[round.value("round", std::uint64_t{rounds.size()})] = round.at("ns_per_event");
  }
  return rounds;
}

std::vector<double> values_of(const std::map<std::uint64_t, double>& rounds) {
  std::vector<double> values;
  for (const auto& [round, ns] : rounds) values.push_back(ns);
  return values;
}

CellFigures figures_of(const Json& cell) {
  CellFigures figures;
  const std::vector<double> ns = values_of(rounds_of(cell));
  figures.rounds = ns.size();
  if (!ns.empty()) figures.ns_per_event = median(ns);
  figures.interval = interval_of_median(ns);
  const Json& memory = cell.at("memory");
  if (memory.is_null()) return figures;
  figures.peak_live_bytes = number(memory.at("peak_live").at("live_bytes"));
  figures.peak_mapped_bytes = number(memory.at("peak").at("mapped_bytes"));
  figures.peak_resident_bytes = peak_resident(memory);
  const Json& fragmentation = memory.at("fragmentation");
  figures.byte_time = number(fragmentation.at("byte_time"));
  figures.internal = number(fragmentation.at("internal_at_peak"));
  figures.external = number(fragmentation.at("external_at_peak"));
  return figures;
}

std::string heading_of(const Json& trace, const Json& first) {
  return fmt::format("{}: {} events replayed, profile {}, arenas {}, touch {}",
                     trace.at("path").get<std::string>(), first.at("replayed").at("events").dump(),
                     first.at("profile").get<std::string>(),
                     first.at("arena_residue").get<std::string>(),
                     first.at("touch").get<std::string>());
}

ComparedCell lone_cell(const Json& cell, const std::vector<Json>& cells) {
  ComparedCell compared;
  compared.name = cell_name(cell, cells);
  compared.is_void = cell.at("replayed").at("void").get<bool>();
  compared.figures = figures_of(cell);
  return compared;
}

void put_beside(ComparedCell& compared, const Json& cell, const Json& baseline, bool paired) {
  compared.baseline = figures_of(baseline);
  const std::map<std::uint64_t, double> ours = rounds_of(cell);
  const std::map<std::uint64_t, double> theirs = rounds_of(baseline);
  Samples samples{.cell = {}, .baseline = {}, .paired = paired};
  if (paired) {
    for (const auto& [round, ns] : ours) {
      const auto partner = theirs.find(round);
      if (partner == theirs.end()) continue;
      samples.cell.push_back(ns);
      samples.baseline.push_back(partner->second);
    }
  } else {
    samples.cell = values_of(ours);
    samples.baseline = values_of(theirs);
  }
  compared.time = effect_of(samples);
}

// Corrects every p for the family and gives the verdicts.
void judge(Comparison& comparison) {
  std::vector<ComparedCell*> family;
  std::vector<double> p;
  for (ComparedTrace& trace : comparison.traces) {
    for (ComparedCell& cell : trace.cells) {
      if (!cell.time) continue;
      family.push_back(&cell);
      p.push_back(cell.time->p);
    }
  }
  const std::vector<double> corrected = holm(p);
  for (std::size_t i = 0; i < family.size(); ++i) {
    family[i]->corrected_p = corrected[i];
    family[i]->verdict = verdict_of(*family[i]->time, corrected[i], family.size());
  }
}

// What pairs cannot take away: rounds of one cell that differ widely among themselves.
void note_noise(const NamedDocument& source, std::vector<std::string>& notes) {
  std::vector<double> spreads;
  for (const Json& cell : source.document.at("cells")) {
    const std::vector<double> ns = values_of(rounds_of(cell));
    if (ns.size() >= kFewestRoundsForInterval) spreads.push_back(relative_spread(ns));
  }
  if (spreads.empty()) return;
  const double middle = median(spreads);
  if (middle <= kNoisy) return;
  notes.push_back(fmt::format(
      "{}: the machine was noisy: rounds of one cell spread by {:.0f} % of their median "
      "(in the middle of {} cells); on a quiet machine it is below {:.0f} %",
      source.place, 100 * middle, spreads.size(), 100 * kNoisy));
}

void note_thin_cells(const ComparedTrace& trace, std::vector<std::string>& notes) {
  std::string names;
  std::size_t count = 0;
  for (const ComparedCell& cell : trace.cells) {
    if (!cell.time || cell.verdict != Verdict::too_few_rounds) continue;
    names += fmt::format("{}{} ({})", count == 0 ? "" : ", ", cell.name, cell.time->rounds);
    ++count;
  }
  if (count != 0) notes.push_back(fmt::format("too few rounds for a verdict: {}", names));
}

using Key = std::array<std::string, 7>;
Key key_of(const Json& trace, const Json& cell) {
  return {trace.at("digest"), cell.at("target"),        cell.at("configuration"), cell.at("build"),
          cell.at("profile"), cell.at("system_malloc"), cell.at("touch")};
}

template <typename Compare>
Comparison checked(const std::string& places, Compare compare) {
  try {
    Comparison comparison = compare();
    judge(comparison);
    for (const ComparedTrace& trace : comparison.traces) note_thin_cells(trace, comparison.notes);
    return comparison;
  } catch (const Json::exception& error) {
    throw InputError("{}: the results document is damaged: {}", places, error.what());
  }
}

}  // namespace

Comparison compare_cells(const NamedDocument& source) {
  return checked(source.place, [&] {
    Comparison comparison;
    comparison.places = {source.place};
    for (const Json& trace : source.document.at("traces")) {
      const std::vector<Json> cells = cells_of(source.document, trace);
      if (cells.empty()) continue;
      ComparedTrace compared{.heading = heading_of(trace, cells.front()), .cells = {}};
      for (const Json& cell : cells) {
        compared.cells.push_back(lone_cell(cell, cells));
        if (&cell != &cells.front()) put_beside(compared.cells.back(), cell, cells.front(), true);
      }
      comparison.traces.push_back(std::move(compared));
    }
    note_noise(source, comparison.notes);
    return comparison;
  });
}

Comparison compare_runs(const NamedDocument& before, const NamedDocument& after) {
  return checked(fmt::format("{}, {}", before.place, after.place), [&] {
    Comparison comparison;
    comparison.before_and_after = true;
    comparison.places = {before.place, after.place};
    std::map<Key, Json> earlier;
    for (const Json& trace : before.document.at("traces")) {
      for (const Json& cell : cells_of(before.document, trace)) earlier[key_of(trace, cell)] = cell;
    }
    std::size_t without_partner = 0;
    for (const Json& trace : after.document.at("traces")) {
      const std::vector<Json> cells = cells_of(after.document, trace);
      if (cells.empty()) continue;
      ComparedTrace compared{.heading = heading_of(trace, cells.front()), .cells = {}};
      for (const Json& cell : cells) {
        const auto partner = earlier.find(key_of(trace, cell));
        if (partner == earlier.end()) {
          ++without_partner;
          continue;
        }
        compared.cells.push_back(lone_cell(cell, cells));
        put_beside(compared.cells.back(), cell, partner->second, false);
        earlier.erase(partner);
      }
      if (!compared.cells.empty()) comparison.traces.push_back(std::move(compared));
    }
    note_noise(before, comparison.notes);
    note_noise(after, comparison.notes);
    if (!earlier.empty())
      comparison.notes.push_back(
          fmt::format("{} cells of {} are not in {}", earlier.size(), before.place, after.place));
    if (without_partner != 0)
      comparison.notes.push_back(
          fmt::format("{} cells of {} are not in {}", without_partner, after.place, before.place));
    return comparison;
  });
}

FailureRule::FailureRule(const std::string& text) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const std::size_t sign = part.find_first_of("<>");
    const std::string figure = part.substr(0, sign);
    char* rest = nullptr;
    const double percent = sign == part.npos ? 0 : std::strtod(part.c_str() + sign + 1, &rest);
    const bool known = figure == "time" || figure == "peak" || figure == "resident";
    if (!known || sign == part.npos || rest == part.c_str() + sign + 1 ||
        std::string_view(rest) != "%") {
      throw InputError(
          "--fail-if {}: \"{}\" is no rule: time>+3%, peak>+5% or resident>+10% was wanted", text,
          part);
    }
    limits_.push_back({.figure = figure, .change = percent / 100, .above = part[sign] == '>'});
    begin = end + 1;
  }
}

std::vector<std::string> FailureRule::broken_by(const Comparison& comparison) const {
  std::vector<std::string> sentences;
  auto change_of = [](const ComparedCell& cell,
                      const std::string& figure) -> std::optional<double> {
    if (figure == "time") {
      const bool detected = cell.verdict == Verdict::slower || cell.verdict == Verdict::faster;
      return cell.time && detected ? std::optional(cell.time->ratio - 1) : std::nullopt;
    }
    const auto member =
        figure == "peak" ? &CellFigures::peak_mapped_bytes : &CellFigures::peak_resident_bytes;
    const std::optional<double> now = cell.figures.*member;
    const std::optional<double> then = (*cell.baseline).*member;
    if (!now || !then || *then <= 0) return std::nullopt;
    return *now / *then - 1;
  };
  for (const ComparedTrace& trace : comparison.traces) {
    for (const ComparedCell& cell : trace.cells) {
      if (!cell.baseline) continue;
      for (const Limit& limit : limits_) {
        const std::optional<double> change = change_of(cell, limit.figure);
        if (!change || (limit.above ? *change <= limit.change : *change >= limit.change)) continue;
        sentences.push_back(fmt::format("{}: {} changed by {:+.1f} %, beyond {:+.1f} %", cell.name,
                                        limit.figure, 100 * *change, 100 * limit.change));
      }
    }
  }
  return sentences;
}

}  // namespace pymemlab
