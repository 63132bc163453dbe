// Whole-run figures of a footprint: pure functions of it. docs/metrics.md defines each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/measure/measurement.h"

namespace pymemlab {

// A ratio, or the reason why there is none.
struct Figure {
  std::string_view name;  // "byte_time"
  std::optional<double> value;
  std::string_view reason;
};

struct FragmentationOptions {
  // Below this peak of live bytes every ratio is null: wild numbers help nobody.
  std::uint64_t floor_bytes = 1024 * 1024;
  // The bounded window of realized fragmentation, as a share of the allocation clock.
  double window = 0.05;
};

// In a fixed order, by name: byte_time, jw1 to jw4, total_at_peak, internal_at_peak, hooks_at_peak,
// rounding_at_peak, external_at_peak, window_realized, retention_after_drain,
// retention_before_teardown, pinned_1pct, pinned_5pct, pinned_25pct, oracle_gap_at_peak.
[[nodiscard]] std::vector<Figure> fragmentation(const Footprint& footprint,
                                                std::uint64_t arena_bytes,
                                                const FragmentationOptions& options = {});

}  // namespace pymemlab
