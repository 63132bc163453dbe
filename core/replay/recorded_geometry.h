// A version's geometry, with what the recorded interpreter showed to be otherwise: distributions
// patch theirs (a 3.6.15 with 16-byte alignment, say).
#pragma once

#include <optional>

#include "core/pymem/profile.h"
#include "core/trace/metadata.h"

namespace pymemlab {

[[nodiscard]] inline Geometry recorded_geometry(const Profile& profile,
                                                const std::optional<PythonFacts>& python) {
  Geometry geometry = profile.geometry;
  if (!python) return geometry;
  if (python->alignment != 0) geometry.alignment = python->alignment;
  if (python->pool_bytes != 0) geometry.pool_bytes = python->pool_bytes;
  if (python->arena_bytes != 0) geometry.arena_bytes = python->arena_bytes;
  return geometry;
}

}  // namespace pymemlab
