// What to call the cells of a results document.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace pymemlab {

// Within `cells`, all of one trace: the configuration, and whatever tells it from the others.
[[nodiscard]] std::string cell_name(const nlohmann::ordered_json& cell,
                                    const std::vector<nlohmann::ordered_json>& cells);

// A document's cells of one trace, in order.
[[nodiscard]] std::vector<nlohmann::ordered_json> cells_of(const nlohmann::ordered_json& results,
                                                           const nlohmann::ordered_json& trace);

// A cell with a name that no other cell of the document has: "app/pymalloc 3.11".
struct NamedCell {
  std::string name;
  nlohmann::ordered_json cell;
};
[[nodiscard]] std::vector<NamedCell> named_cells(const nlohmann::ordered_json& results);

// Its cold rounds' ns_per_event, in the order in which they were taken.
[[nodiscard]] std::vector<double> cold_rounds(const nlohmann::ordered_json& cell);

}  // namespace pymemlab
