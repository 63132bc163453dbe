// The cells of a results document side by side, as a table for a terminal.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace pymemlab {

// One block of rows a trace: per cell the time per event with its interval, the ratio to the
// trace's first cell, peak live, mapped and resident bytes, byte-time fragmentation, internal and
// external shares. Throws InputError, naming `place`, when the document lacks what the table shows.
[[nodiscard]] std::string comparison_table(const nlohmann::ordered_json& document,
                                           const std::string& place);

}  // namespace pymemlab
