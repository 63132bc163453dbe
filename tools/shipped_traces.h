// The traces that come with the program, for when no other is named.
#pragma once

#include <string>
#include <vector>

namespace pymemlab {

// From the build tree's or the installation's folder of traces, sorted. Throws InputError if there
// is none.
[[nodiscard]] std::vector<std::string> shipped_traces();

}  // namespace pymemlab
