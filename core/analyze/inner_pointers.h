// Frees and reallocs of an address that no block begins at: is it inside one?
#pragma once

#include <string>
#include <vector>

#include "core/analyze/finding.h"

namespace pymemlab {

// Gives every finding of kind unknown_block the live block that its address lies in, and how far.
// Reads the trace `path` up to the last of them, if there is one and if the trace has addresses.
// REQUIRES: `findings` are of that trace, in the order of their events.
void find_inner_pointers(const std::string& path, std::vector<Finding>& findings);

}  // namespace pymemlab
