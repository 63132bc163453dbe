#include "core/report/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/base/input_error.h"
#include "core/report/cell_names.h"
#include "core/report/damaged.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

// Where half of all cells spread more than this, the machine was busy with something else.
constexpr double kNoisy = 0.05;
// Where the processor is taken from a replay more often than this a second, somebody else uses it.
constexpr double kMostInterruptions = 50;

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

ComparedCell lone_cell(const NamedCell& named) {
  ComparedCell compared;
  compared.name = named.name;
  compared.is_void = named.cell.at("replayed").at("void").get<bool>();
  compared.figures = figures_of(named.cell);
  return compared;
}

std::optional<Effect> time_effect(const Json& cell, const Json& baseline, bool paired) {
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
  return effect_of(samples);
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

// How often, in the middle of all rounds, the processor was taken from the replay, a second.
std::optional<double> interruptions(const Json& document) {
  std::vector<double> rates;
  for (const Json& cell : document.at("cells")) {
    for (const Json& round : cell.at("time").at("rounds")) {
      const Json counters = round.value("counters", Json::object());
      const Json switches = counters.value("involuntary_switches", Json());
      const double ns = round.value("ns", 0.0);
      if (switches.is_number() && ns > 0) rates.push_back(switches.get<double>() / ns * 1e9);
    }
  }
  return rates.empty() ? std::nullopt : std::optional(median(rates));
}

// What pairs cannot take away: rounds of one cell that differ widely among themselves; and what
// makes them differ.
void note_noise(const NamedDocument& source, std::vector<std::string>& notes) {
  std::vector<double> spreads;
  for (const Json& cell : source.document.at("cells")) {
    const std::vector<double> ns = values_of(rounds_of(cell));
    if (ns.size() >= kFewestRoundsForInterval) spreads.push_back(relative_spread(ns));
  }
  const double middle = spreads.empty() ? 0 : median(spreads);
  if (middle > kNoisy) {
    notes.push_back(fmt::format(
        "{}: the machine was noisy: rounds of one cell spread by {:.0f} % of their median "
        "(in the middle of {} cells); on a quiet machine it is below {:.0f} %",
        source.place, 100 * middle, spreads.size(), 100 * kNoisy));
  }
  const std::optional<double> rate = interruptions(source.document);
  if (rate && *rate > kMostInterruptions) {
    notes.push_back(
        fmt::format("{}: other programs ran on the processor of the timed replays: it was taken "
                    "from them {:.0f} times a second",
                    source.place, *rate));
  }
  const Json context = source.document.value("context", Json::object());
  const std::optional<double> load = number(context.value("load_average", Json()));
  const double cpus = context.value("cpus", 0.0);
  if (load && cpus > 0 && *load > cpus / 2) {
    notes.push_back(fmt::format(
        "{}: the machine was busy when the run began: a load of {:.1f} on {:.0f} processors",
        source.place, *load, cpus));
  }
}

// The loop's own part of every ns/event, where the document states it.
void note_loop(const NamedDocument& source, std::vector<std::string>& notes) {
  std::vector<double> ns;
  for (const Json& cell : source.document.at("cells")) {
    const Json loop = cell.at("time").value("loop", Json::object());
    const Json of_trace = loop.value("median_ns_per_event", Json());
    if (of_trace.is_number()) ns.push_back(of_trace.get<double>());
  }
  if (ns.empty()) return;
  const auto [low, high] = std::minmax_element(ns.begin(), ns.end());
  notes.push_back(fmt::format(
      "{}: the replay loop itself takes {:.2f}{} of every ns/event (measured in the same run "
      "against functions that return at once)",
      source.place, *low, *high - *low < 0.01 ? "" : fmt::format(" to {:.2f}", *high)));
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
Key key_of(const NamedTrace& trace, const Json& cell) {
  return {trace.digest,       cell.at("target"),        cell.at("configuration"), cell.at("build"),
          cell.at("profile"), cell.at("system_malloc"), cell.at("touch")};
}

constexpr std::string_view kNoun = "the results document";

template <typename Compare>
Comparison checked(const std::string& places, Compare compare) {
  return unless_damaged(places, kNoun, [&] {
    Comparison comparison = compare();
    judge(comparison);
    for (const ComparedTrace& trace : comparison.traces) note_thin_cells(trace, comparison.notes);
    return comparison;
  });
}

}  // namespace

std::vector<NamedTrace> named_traces(const NamedDocument& source) {
  return unless_damaged(source.place, kNoun, [&] {
    std::vector<NamedTrace> traces;
    for (const Json& trace : source.document.at("traces")) {
      std::vector<NamedCell> cells = cells_of(source.document, trace);
      if (cells.empty()) continue;
      std::string heading = heading_of(trace, cells.front().cell);
      traces.push_back({.path = trace.at("path"),
                        .digest = trace.at("digest"),
                        .heading = std::move(heading),
                        .cells = std::move(cells)});
    }
    return traces;
  });
}

Comparison compare_cells(const NamedDocument& source) {
  return checked(source.place, [&] {
    Comparison comparison;
    comparison.places = {source.place};
    for (const NamedTrace& trace : named_traces(source)) {
      ComparedTrace compared{.path = trace.path, .heading = trace.heading, .cells = {}};
      for (const NamedCell& named : trace.cells) {
        compared.cells.push_back(lone_cell(named));
        if (&named == &trace.cells.front()) continue;
        compared.cells.back().baseline = compared.cells.front().figures;
        compared.cells.back().time = time_effect(named.cell, trace.cells.front().cell, true);
      }
      comparison.traces.push_back(std::move(compared));
    }
    note_loop(source, comparison.notes);
    note_noise(source, comparison.notes);
    return comparison;
  });
}

Comparison compare_runs(const NamedDocument& before, const NamedDocument& after) {
  return checked(fmt::format("{}, {}", before.place, after.place), [&] {
    Comparison comparison;
    comparison.before_and_after = true;
    comparison.places = {before.place, after.place};
    std::map<Key, const Json*> earlier;
    for (const NamedTrace& trace : named_traces(before)) {
      for (const NamedCell& named : trace.cells) earlier[key_of(trace, named.cell)] = &named.cell;
    }
    std::size_t without_partner = 0;
    for (const NamedTrace& trace : named_traces(after)) {
      ComparedTrace compared{.path = trace.path, .heading = trace.heading, .cells = {}};
      for (const NamedCell& named : trace.cells) {
        const auto partner = earlier.find(key_of(trace, named.cell));
        if (partner == earlier.end()) {
          ++without_partner;
          continue;
        }
        compared.cells.push_back(lone_cell(named));
        compared.cells.back().baseline = figures_of(*partner->second);
        compared.cells.back().time = time_effect(named.cell, *partner->second, false);
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

}  // namespace pymemlab
