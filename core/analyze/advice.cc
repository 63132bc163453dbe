#include "core/analyze/advice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "core/base/counts.h"
#include "core/base/units.h"

namespace pymemlab {
namespace {

// How malloc compares with the default in one respect.
enum class Against { better, same, worse };

std::string mebibytes(double bytes) { return fmt::format("{:.1f} MiB", bytes / kMiB); }
std::string mebibytes(std::uint64_t bytes) { return mebibytes(static_cast<double>(bytes)); }

double share(double part, double whole) { return whole == 0 ? 0 : part / whole; }
std::string percent(double part, double whole) {
  return fmt::format("{:.1f} %", 100 * share(part, whole));
}
std::string percent(std::uint64_t part, std::uint64_t whole) {
  return percent(static_cast<double>(part), static_cast<double>(whole));
}

double peak_difference(const SettingFigures& cell, const SettingFigures& standard) {
  return static_cast<double>(cell.peak_resident_bytes) -
         static_cast<double>(standard.peak_resident_bytes);
}

Against in_memory(const ComparedSetting& cell, const AdviceInput& input) {
  const double more = peak_difference(cell.figures, input.standard);
  const double base = static_cast<double>(input.standard.peak_resident_bytes);
  if (std::abs(more) < static_cast<double>(kMatteringBytes) ||
      std::abs(more) < kMatteringShare * base)
    return Against::same;
  return more < 0 ? Against::better : Against::worse;
}

Against in_time(const ComparedSetting& cell) {
  const std::optional<TimeRatio>& time = cell.time;
  if (!time) return Against::same;
  if (time->low > 1 && time->median >= 1 + kMatteringTime) return Against::worse;
  if (time->high < 1 && time->median <= 1 - kMatteringTime) return Against::better;
  return Against::same;
}

Choice choose(Against memory, Against time) {
  constexpr std::array<std::array<Choice, 3>, 3> kTable = {
      // time:  better, same, worse
      std::array{Choice::set_malloc, Choice::set_malloc,
                 Choice::malloc_for_memory},                                        // memory better
      std::array{Choice::set_malloc, Choice::no_difference, Choice::keep_default},  // the same
      std::array{Choice::malloc_for_time, Choice::keep_default, Choice::keep_default},  // worse
  };
  return kTable[static_cast<std::size_t>(memory)][static_cast<std::size_t>(time)];
}

// How much less memory it takes at the peak than the default, in its worth; 0 if that is not worth
// a dependency.
double worthy_bytes(const OtherMalloc& other, const AdviceInput& input) {
  const double less = -peak_difference(other.cell.figures, input.standard);
  const bool worthy =
      less >= static_cast<double>(kWorthyBytes) &&
      less >= kWorthyShare * static_cast<double>(input.standard.peak_resident_bytes);
  return worthy ? less : 0;
}
// As worthy_bytes, of time: the share that is saved, if all of its interval is worth it: of many
// cells one always looks faster.
double worthy_time(const OtherMalloc& other) {
  const std::optional<TimeRatio>& time = other.cell.time;
  return time && time->high <= 1 - kWorthyTime ? 1 - time->median : 0;
}

// The other allocator that gains most and costs nothing, memory before time. Null if there is none,
// or if malloc, which needs no other allocator, saves as much memory and costs nothing either.
const OtherMalloc* best_other(const AdviceInput& input, Choice of_malloc) {
  const OtherMalloc* best = nullptr;
  std::pair<double, double> gain{0, 0};
  for (const OtherMalloc& other : input.others) {
    if (!other.cell.figures.void_reason.empty() || in_memory(other.cell, input) == Against::worse ||
        in_time(other.cell) == Against::worse)
      continue;
    const std::pair its{worthy_bytes(other, input), worthy_time(other)};
    if (its > gain) {
      gain = its;
      best = &other;
    }
  }
  const double by_malloc = -peak_difference(input.malloc.figures, input.standard);
  if (of_malloc == Choice::set_malloc && gain.first < by_malloc + double{kWorthyBytes})
    return nullptr;
  return best;
}

class Sentences {
 public:
  explicit Sentences(const AdviceInput& input) : input_(input) {}

  void add(Topic topic, std::string text) { list_.push_back({topic, std::move(text)}); }
  std::vector<Sentence> take() { return std::move(list_); }

  void recommendation(Choice choice, const OtherMalloc* other);
  void memory();
  void time();
  void others();
  void debug();
  void where();
  void lines();
  void pinned();
  void limits();

 private:
  void time_of(Topic topic, const ComparedSetting& cell);
  void group(const PinningGroup& group, std::size_t number);

  const AdviceInput& input_;
  std::vector<Sentence> list_;
};

// Whether the recorded process ran without the default.
bool was_set(const AdviceInput& input) {
  return input.recorded_setting && !input.recorded_setting->empty() &&
         *input.recorded_setting != "pymalloc" && *input.recorded_setting != "default";
}

void Sentences::recommendation(Choice choice, const OtherMalloc* other) {
  const std::string unset =
      was_set(input_)
          ? fmt::format(" This run had PYTHONMALLOC={}: take it away.", *input_.recorded_setting)
          : "";
  switch (choice) {
    case Choice::keep_default:
      return add(
          Topic::set,
          "Set nothing: CPython's default, pymalloc, is the best choice for this program." + unset);
    case Choice::no_difference:
      return add(Topic::set,
                 "Set nothing: between CPython's default, pymalloc, and malloc there is no "
                 "difference that matters to this program." +
                     unset);
    case Choice::set_malloc: return add(Topic::set, "Set PYTHONMALLOC=malloc.");
    case Choice::malloc_for_memory:
      return add(Topic::set,
                 "Set PYTHONMALLOC=malloc if memory is what you lack: it takes less memory, and "
                 "more time. If time is what you lack, set nothing." +
                     unset);
    case Choice::malloc_for_time:
      return add(Topic::set,
                 "Set PYTHONMALLOC=malloc if time is what you lack: it takes less time, and more "
                 "memory. If memory is what you lack, set nothing." +
                     unset);
    case Choice::set_other:
      return add(Topic::set, fmt::format("Preload {}: set {}.", other->allocator,
                                         fmt::join(other->environment, " ")));
    case Choice::undecided:
      return add(Topic::set,
                 "Nothing can be recommended: the configurations could not all "
                 "replay this trace.");
  }
}

void Sentences::memory() {
  const SettingFigures& malloc = input_.malloc.figures;
  const double more = peak_difference(malloc, input_.standard);
  const std::string both = fmt::format("{} of resident memory at the peak instead of {}",
                                       mebibytes(malloc.peak_resident_bytes),
                                       mebibytes(input_.standard.peak_resident_bytes));
  if (in_memory(input_.malloc, input_) == Against::same) {
    return add(Topic::memory,
               fmt::format("With PYTHONMALLOC=malloc this program would need {}: no difference "
                           "that matters.",
                           both));
  }
  add(Topic::memory,
      fmt::format(
          "With PYTHONMALLOC=malloc this program would need {}: {} {}, {}.", both,
          mebibytes(std::abs(more)), more < 0 ? "less" : "more",
          percent(std::abs(more), static_cast<double>(input_.standard.peak_resident_bytes))));
}

void Sentences::time_of(Topic topic, const ComparedSetting& cell) {
  const std::string who = "PYTHONMALLOC=" + cell.figures.configuration;
  if (!cell.time) {
    return add(topic, fmt::format("What {} does to the time is not known after {}.", who,
                                  counted_in_groups(input_.rounds, "round")));
  }
  const TimeRatio& ratio = *cell.time;
  const std::string sure =
      fmt::format("{:.2f} to {:.2f} times the default's, which is {:.0f} % sure", ratio.low,
                  ratio.high, std::floor(100 * ratio.coverage));
  if (ratio.low <= 1 && ratio.high >= 1) {
    return add(topic, fmt::format("In time no difference between {} and the default is "
                                  "detectable: its requests take {}.",
                                  who, sure));
  }
  const double ns = cell.figures.ns_per_request - input_.standard.ns_per_request;
  add(topic,
      fmt::format("Under {} requests take {:.2f} times as long ({}): {:.1f} ns each instead of "
                  "{:.1f} ns, {:.2f} s {} over the {} of this run.",
                  who, ratio.median, sure, cell.figures.ns_per_request,
                  input_.standard.ns_per_request,
                  std::abs(ns) * static_cast<double>(input_.requests) / 1e9,
                  ns < 0 ? "less" : "more", counted_in_groups(input_.requests, "request")));
}

void Sentences::time() { time_of(Topic::time, input_.malloc); }

void Sentences::others() {
  for (const OtherMalloc& other : input_.others) {
    const SettingFigures& figures = other.cell.figures;
    const std::string lines = fmt::format("{}", fmt::join(other.environment, " "));
    if (!figures.void_reason.empty()) {
      add(Topic::others, fmt::format("{} ({}): {}.", lines, other.allocator, figures.void_reason));
      continue;
    }
    const double more = peak_difference(figures, input_.standard);
    const std::string time = other.cell.time
                                 ? fmt::format("; requests take {:.2f} to {:.2f} times as long",
                                               other.cell.time->low, other.cell.time->high)
                                 : "";
    add(Topic::others, fmt::format("{} ({}) would take {} at the peak, {} {}{}.", lines,
                                   other.allocator, mebibytes(figures.peak_resident_bytes),
                                   mebibytes(std::abs(more)), more < 0 ? "less" : "more", time));
  }
}

void Sentences::debug() {
  if (!input_.debug || !input_.debug->figures.void_reason.empty()) return;
  const double more = peak_difference(input_.debug->figures, input_.standard);
  const std::string time =
      input_.debug->time ? fmt::format(" and {:.1f} times the time", input_.debug->time->median)
                         : "";
  add(Topic::debug,
      fmt::format("PYTHONMALLOC=debug, which finds misused memory, would take {} more at the "
                  "peak{}: for tests.",
                  mebibytes(std::max(0.0, more)), time));
}

// One row a part of the footprint, in the words of the report.
struct Part {
  std::string_view words;
  double (*bytes)(const FootprintSample&);
};
template <auto kField>
double bytes_of(const FootprintSample& sample) {
  return static_cast<double>(sample.*kField);
}
constexpr std::array kParts = {
    Part{"free blocks in pools that are in use", bytes_of<&FootprintSample::free_block_bytes>},
    Part{"free pools in arenas", bytes_of<&FootprintSample::free_pool_bytes>},
    Part{"requests rounded up", bytes_of<&FootprintSample::rounding_bytes>},
    Part{"headers and tables", bytes_of<&FootprintSample::metadata_bytes>},
    Part{"ends of pools and arenas that nothing fits into",
         bytes_of<&FootprintSample::structural_bytes>},
    Part{"free in the C library", bytes_of<&FootprintSample::raw_free_bytes>},
    Part{"unexplained, in the C library", bytes_of<&FootprintSample::unexplained_bytes>},
    Part{"debug hooks", bytes_of<&FootprintSample::hook_bytes>},
};

void Sentences::where() {
  const FootprintSample& peak = input_.standard.peak;
  const auto mapped = static_cast<double>(peak.mapped_bytes);
  std::vector<std::pair<double, std::string_view>> parts;
  double rest = 0;
  for (const Part& part : kParts) {
    const double bytes = part.bytes(peak);
    if (share(bytes, mapped) >= 0.005) {
      parts.emplace_back(bytes, part.words);
    } else {
      rest += bytes;
    }
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> words;
  for (const auto& [bytes, what] : parts)
    words.push_back(fmt::format("{} {}", mebibytes(bytes), what));
  if (std::abs(rest) >= 0.05 * kMiB) words.push_back(fmt::format("{} the rest", mebibytes(rest)));
  add(Topic::where,
      fmt::format("At the default's peak {} are mapped: {} ({}) is what the program asked for{}{}.",
                  mebibytes(peak.mapped_bytes), mebibytes(peak.live_bytes),
                  percent(peak.live_bytes, peak.mapped_bytes), words.empty() ? "" : "; ",
                  fmt::join(words, ", ")));
}

void Sentences::lines() {
  constexpr std::size_t kShown = 3;
  for (std::size_t i = 0; i < std::min(kShown, input_.top_sites.size()); ++i) {
    const SiteHolding& line = input_.top_sites[i];
    add(Topic::lines,
        fmt::format("{} holds {} ({} of what is live at the peak) in {}.", line.site,
                    mebibytes(line.bytes), percent(line.bytes, input_.sites_peak_bytes),
                    counted_in_groups(line.blocks, "block")));
  }
}

void Sentences::group(const PinningGroup& group, std::size_t number) {
  const std::string epochs =
      group.first_epoch == group.last_epoch
          ? fmt::format("epoch {}", group.first_epoch)
          : fmt::format("epochs {} to {}", group.first_epoch, group.last_epoch);
  const std::string asked_for =
      group.site.empty() ? "" : fmt::format(", asked for at {}", group.site);
  const std::string made =
      group.first_event == group.last_event
          ? fmt::format("event {}", grouped(group.first_event))
          : fmt::format("events {} to {}", grouped(group.first_event), grouped(group.last_event));
  add(Topic::pinned,
      fmt::format("{} of size class {}{} ({}, {} of {}), {} {} of {} own: freeing {}{} would "
                  "return {} ({} bytes).",
                  counted_in_groups(group.blocks, "block"), group.block_bytes, asked_for, made,
                  epochs, kEpochs, group.blocks == 1 ? "holds" : "hold",
                  counted_in_groups(group.arenas_alone, "arena"),
                  group.blocks == 1 ? "its" : "their", group.blocks == 1 ? "it" : "them",
                  number == 0 ? "" : " as well", mebibytes(group.returned_bytes),
                  grouped(group.returned_bytes)));
}

void Sentences::pinned() {
  if (!input_.pinning) return;
  constexpr std::size_t kShown = 3;
  const ArenaPinning& pinning = *input_.pinning;
  const SparseArenas& sparse = pinning.sparse.back();
  add(Topic::pinned,
      fmt::format("After event {} ({}) pymalloc has {} ({}) mapped, of which {} is live; {} of "
                  "them, less than {} % live, {} held by {}.",
                  grouped(pinning.event), pinning.moment,
                  counted_in_groups(pinning.arenas, "arena"), mebibytes(pinning.mapped_bytes),
                  mebibytes(pinning.live_bytes), grouped(sparse.arenas), sparse.percent,
                  sparse.arenas == 1 ? "is" : "are", counted_in_groups(sparse.blocks, "block")));
  std::size_t shown = 0;
  for (const PinningGroup& each : pinning.groups) {
    if (each.returned_bytes == 0 || shown == kShown) break;
    group(each, shown++);
  }
  if (shown == 0 && sparse.arenas != 0 && !pinning.groups.empty()) {
    const PinningGroup& most = pinning.groups.front();
    add(Topic::pinned,
        fmt::format("No one line's blocks of one class hold an arena alone, so that freeing them "
                    "would return nothing by itself; {} of size class {}{} have the largest part "
                    "in those arenas.",
                    counted_in_groups(most.blocks, "block"), most.block_bytes,
                    most.site.empty() ? "" : fmt::format(", asked for at {},", most.site)));
  }
}

void Sentences::limits() {
  const FootprintSample& peak = input_.standard.peak;
  add(Topic::limits,
      fmt::format("No setting changes what the program itself asks for: {} at the peak.",
                  mebibytes(peak.live_bytes)));
  const double gap =
      static_cast<double>(peak.mapped_bytes) - static_cast<double>(peak.packed_bytes);
  add(Topic::limits,
      fmt::format("With the same size classes no allocator could serve these blocks from less "
                  "than {}: at most {} of the peak ({}) is the placement's fault.",
                  mebibytes(peak.packed_bytes), mebibytes(std::max(0.0, gap)),
                  percent(std::max(0.0, gap), static_cast<double>(peak.mapped_bytes))));
  if (input_.pinning && input_.pinning->sparse.back().arenas != 0)
    add(Topic::limits,
        "No setting moves a live block: what pins an arena has to be freed, or "
        "asked for before the blocks that pass, by the program.");
}

}  // namespace

std::string_view name(Choice choice) noexcept {
  constexpr std::array<std::string_view, 7> kNames = {
      "keep_default",    "no_difference", "set_malloc", "malloc_for_memory",
      "malloc_for_time", "set_other",     "undecided"};
  return kNames[static_cast<std::size_t>(choice)];
}

std::string_view name(Topic topic) noexcept {
  constexpr std::array<std::string_view, 10> kNames = {
      "set", "memory", "time", "others", "debug", "where", "lines", "pinned", "limits", "caution"};
  return kNames[static_cast<std::size_t>(topic)];
}

Advice judge(const AdviceInput& input) {
  Advice advice;
  Sentences sentences(input);
  const bool is_void =
      !input.standard.void_reason.empty() || !input.malloc.figures.void_reason.empty();
  const OtherMalloc* other = nullptr;
  if (!is_void) {
    advice.choice = choose(in_memory(input.malloc, input), in_time(input.malloc));
    other = best_other(input, advice.choice);
  }
  if (other != nullptr) {
    advice.choice = Choice::set_other;
    advice.environment = other->environment;
  }
  if (advice.choice == Choice::set_malloc || advice.choice == Choice::malloc_for_memory ||
      advice.choice == Choice::malloc_for_time)
    advice.environment = {"PYTHONMALLOC=malloc"};
  sentences.recommendation(advice.choice, other);
  if (is_void) {
    for (const SettingFigures* cell : {&input.standard, &input.malloc.figures}) {
      if (!cell->void_reason.empty())
        sentences.add(Topic::caution,
                      fmt::format("{}: {}.", cell->configuration, cell->void_reason));
    }
  } else {
    sentences.memory();
    sentences.time();
    sentences.others();
    sentences.debug();
    sentences.where();
    sentences.lines();
    sentences.pinned();
    sentences.limits();
  }
  for (const std::string& warning : input.warnings) sentences.add(Topic::caution, warning + ".");
  advice.sentences = sentences.take();
  return advice;
}

}  // namespace pymemlab
