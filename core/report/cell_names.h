// What to call the cells of a results document.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace pymemlab {

// A cell and what to call it. Lives no longer than the document that the cell is in.
struct NamedCell {
  std::string name;
  const nlohmann::ordered_json& cell;
};

// A document's cells of one trace, in order. Each is named for its configuration and whatever tells
// it from the others: "pymalloc 3.11".
[[nodiscard]] std::vector<NamedCell> cells_of(const nlohmann::ordered_json& results,
                                              const nlohmann::ordered_json& trace);

// All cells under names that no other cell of the document has: "app/pymalloc 3.11".
[[nodiscard]] std::vector<NamedCell> named_cells(const nlohmann::ordered_json& results);

// Its cold rounds' ns_per_event, in the order in which they were taken.
[[nodiscard]] std::vector<double> cold_rounds(const nlohmann::ordered_json& cell);

}  // namespace pymemlab
