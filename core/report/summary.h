// What a comparison of cells comes to, in a few sentences: the plain verdict where nobody has asked
// `pymemlab advise`. From the same figures as the tables.
#pragma once

#include <string>
#include <vector>

#include "core/report/comparison.h"

namespace pymemlab {

// Void cells are left out. Time first, then memory, each beside the trace's first cell.
[[nodiscard]] std::vector<std::string> summary_of(const ComparedTrace& trace);

}  // namespace pymemlab
