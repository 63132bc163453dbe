// Traces that do not hold all that happened, and what is approximate because of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/trace/metadata.h"

namespace pymemlab {

// In a trace's metadata, under `unknown`.
inline constexpr std::string_view kUnknownStart = "start";    // recording began late
inline constexpr std::string_view kUnknownPauses = "pauses";  // and was paused, and went on
// The trace starts with what was live then: it is a slice, or the newest part of a recording.
inline constexpr std::string_view kUnknownFreeSpace = "free space at the start";

[[nodiscard]] bool lacks(const TraceMetadata& metadata, std::string_view what);

// One sentence: why figures of the trace are approximate, and which. Nothing if it holds all.
[[nodiscard]] std::optional<std::string> approximation(const TraceMetadata& metadata);

}  // namespace pymemlab
