#include "core/report/summary.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/counts.h"
#include "core/base/units.h"

namespace pymemlab {
namespace {

using Cells = std::vector<const ComparedCell*>;

std::string span_text(const MedianInterval& interval) {
  return fmt::format("{:.2f} to {:.2f}, {:.0f} % sure", interval.low, interval.high,
                     100 * interval.coverage);
}

std::string times_text(const ComparedCell& cell) {
  std::string text = fmt::format("{} with {:.2f} times the time", cell.name, cell.time->ratio);
  if (cell.time->interval) text += fmt::format(" ({})", span_text(*cell.time->interval));
  return text;
}

Cells with_verdict(const Cells& cells, Verdict verdict) {
  Cells found;
  for (const ComparedCell* cell : cells) {
    if (cell->time && cell->verdict == verdict) found.push_back(cell);
  }
  std::sort(found.begin(), found.end(), [](const ComparedCell* a, const ComparedCell* b) {
    return a->time->ratio < b->time->ratio;
  });
  return found;
}

std::string time_sentence(const ComparedCell& first) {
  std::string text =
      fmt::format("Time: {} takes {:.2f} ns an event", first.name, *first.figures.ns_per_event);
  if (first.figures.interval) {
    text += fmt::format(" (the median of {} rounds; {})", first.figures.rounds,
                        span_text(*first.figures.interval));
  }
  return text + ".";
}

void compare_times(const Cells& cells, const std::string& first, std::vector<std::string>& out) {
  const Cells faster = with_verdict(cells, Verdict::faster);
  const Cells slower = with_verdict(cells, Verdict::slower);
  const std::size_t same = with_verdict(cells, Verdict::no_difference).size();
  const std::size_t thin = with_verdict(cells, Verdict::too_few_rounds).size();
  if (faster.size() + slower.size() + same > 0) {
    out.push_back(faster.empty()
                      ? fmt::format("Nothing measured is detectably faster than {}.", first)
                      : fmt::format("Detectably faster than {}: {}, the fastest {}.", first,
                                    faster.size(), times_text(*faster.front())));
  }
  if (!slower.empty()) {
    out.push_back(fmt::format("Detectably slower: {}, {}{}.", slower.size(),
                              slower.size() == 1 ? "" : "the slowest ",
                              times_text(*slower.back())));
  }
  if (same != 0)
    out.push_back(
        fmt::format("No difference in time is detectable for {}.", counted(same, "setting")));
  if (thin != 0)
    out.push_back(
        fmt::format("Too few rounds for a verdict on the time of {}.", counted(thin, "setting")));
}

// One figure of memory: the first cell's, the least and the most.
void compare_peaks(const Cells& cells, const char* what, std::optional<double> CellFigures::*figure,
                   std::vector<std::string>& out) {
  Cells measured;
  for (const ComparedCell* cell : cells) {
    if (cell->figures.*figure) measured.push_back(cell);
  }
  if (measured.empty()) return;
  const auto [least, most] = std::minmax_element(
      measured.begin(), measured.end(), [&](const ComparedCell* a, const ComparedCell* b) {
        return *(a->figures.*figure) < *(b->figures.*figure);
      });
  const ComparedCell& first = *measured.front();
  auto bytes = [&](const ComparedCell& cell) { return *(cell.figures.*figure); };
  auto with_change = [&](const ComparedCell& cell) {
    std::string text =
        fmt::format("{} with {:.2f} MiB", cell.name, bytes(cell) / static_cast<double>(kMiB));
    if (&cell != &first && bytes(first) > 0)
      text += fmt::format(" ({:+.1f} %)", 100 * (bytes(cell) / bytes(first) - 1));
    return text;
  };
  std::string text = fmt::format("{}: {}", what, with_change(first));
  if (bytes(**least) < bytes(first)) text += fmt::format("; the least {}", with_change(**least));
  if (bytes(**least) >= bytes(first) && measured.size() > 1) text += ", which is the least";
  if (bytes(**most) > bytes(first)) text += fmt::format("; the most {}", with_change(**most));
  out.push_back(text + ".");
}

}  // namespace

std::vector<std::string> summary_of(const ComparedTrace& trace) {
  std::vector<std::string> sentences;
  Cells cells;
  std::size_t void_cells = 0;
  for (const ComparedCell& cell : trace.cells) {
    if (cell.is_void) {
      ++void_cells;
    } else {
      cells.push_back(&cell);
    }
  }
  if (!cells.empty() && cells.front()->figures.ns_per_event) {
    sentences.push_back(time_sentence(*cells.front()));
    compare_times(cells, trace.cells.front().name, sentences);
  }
  compare_peaks(cells, "Mapped at the peak", &CellFigures::peak_mapped_bytes, sentences);
  compare_peaks(cells, "Resident at the peak", &CellFigures::peak_resident_bytes, sentences);
  if (void_cells != 0) {
    sentences.push_back(
        fmt::format("Left out here: {} in which a request failed that had not failed in the trace.",
                    counted(void_cells, "setting")));
  }
  return sentences;
}

}  // namespace pymemlab
