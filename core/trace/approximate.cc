#include "core/trace/approximate.h"

#include <algorithm>

namespace pymemlab {

bool lacks(const TraceMetadata& metadata, std::string_view what) {
  return std::find(metadata.unknown.begin(), metadata.unknown.end(), what) !=
         metadata.unknown.end();
}

std::optional<std::string> approximation(const TraceMetadata& metadata) {
  const bool late = lacks(metadata, kUnknownStart);
  const bool paused = lacks(metadata, kUnknownPauses);
  if (late || paused) {
    const std::string why = late && paused ? "recording began late and was paused"
                            : late         ? "recording began late"
                                           : "recording was paused";
    return why +
           ", so blocks that were allocated or freed meanwhile are not known: live bytes and "
           "blocks, peaks, lifetimes, and where blocks lie are approximate";
  }
  if (lacks(metadata, kUnknownFreeSpace)) {
    return "the trace is part of a recording, and how the free memory lay at its start is not "
           "known: where blocks lie, mapped bytes and lifetimes are approximate";
  }
  return std::nullopt;
}

}  // namespace pymemlab
