// Cells beside what they are compared with: within one results document each cell beside its
// trace's first, over two documents each cell of the later beside the same cell of the earlier.
// Pure functions of the documents; how a comparison is written down is core/report/tables.h.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/report/cell_names.h"
#include "core/report/statistics.h"

namespace pymemlab {

// A results document and where it came from.
struct NamedDocument {
  std::string place;
  nlohmann::ordered_json document;
};

// The cells of a trace under the names that tables give them. Lives no longer than the document.
struct NamedTrace {
  std::string path;
  std::string digest;
  std::string heading;           // "app.pmtrace: 1000 events replayed, profile 3.11, ..."
  std::vector<NamedCell> cells;  // not empty; named within the trace
};
// Traces without cells are left out. Throws InputError where the document is damaged.
[[nodiscard]] std::vector<NamedTrace> named_traces(const NamedDocument& document);

// Figures of one cell. Nothing where it was not measured.
struct CellFigures {
  std::size_t rounds = 0;
  std::optional<double> ns_per_event;  // median
  std::optional<MedianInterval> interval;
  std::optional<double> peak_live_bytes;
  std::optional<double> peak_mapped_bytes;
  std::optional<double> peak_resident_bytes;
  std::optional<double> byte_time;
  std::optional<double> internal;
  std::optional<double> external;
};

struct ComparedCell {
  std::string name;  // within its trace
  bool is_void = false;
  CellFigures figures;
  // Beside its baseline; nothing for the baseline itself.
  std::optional<CellFigures> baseline;
  std::optional<Effect> time;
  double corrected_p = 1;  // over all cells of the comparison
  Verdict verdict = Verdict::too_few_rounds;
};

struct ComparedTrace {
  std::string path;
  std::string heading;  // as in NamedTrace
  std::vector<ComparedCell> cells;
};

struct Comparison {
  bool before_and_after = false;
  std::vector<std::string> places;
  std::vector<ComparedTrace> traces;
  std::vector<std::string> notes;  // whole sentences: a noisy machine, cells without a partner
};

// One document. Throws InputError, naming the place, when it lacks what a comparison needs.
[[nodiscard]] Comparison compare_cells(const NamedDocument& document);
// Two. Cells match on trace digest, target, configuration, build, profile, system malloc and touch.
[[nodiscard]] Comparison compare_runs(const NamedDocument& before, const NamedDocument& after);

// "time>+3%,peak>+5%": which changes are a failure. Figures: time, peak (mapped), resident.
class FailureRule {
 public:
  // Throws InputError.
  explicit FailureRule(const std::string& text);
  // A sentence for each cell that breaks the rule. Time breaks it only where the difference is
  // statistically detectable as well.
  [[nodiscard]] std::vector<std::string> broken_by(const Comparison& comparison) const;

 private:
  struct Limit {
    std::string figure;
    double change;  // 0.03
    bool above;     // breaks the rule if the change is above, else below
  };
  std::vector<Limit> limits_;
};

}  // namespace pymemlab
