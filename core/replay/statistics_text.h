// CPython's statistics text (sys._debugmallocstats) read back into numbers.
#pragma once

#include <string_view>

#include "core/pymalloc/geometry.h"
#include "core/pymalloc/small_heap.h"

namespace pymemlab {

// Allocates nothing. Throws InputError for a text that is not pymalloc's.
[[nodiscard]] HeapStatistics read_statistics(std::string_view text, const Geometry& geometry);

}  // namespace pymemlab
