// Metadata as a chunk: one column of JSON.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/trace/chunk.h"
#include "core/trace/metadata.h"

namespace pymemlab {

enum MetadataColumn : std::uint16_t { kMetadataJson = 1 };
inline constexpr std::array<std::uint16_t, 1> kMetadataColumns = {kMetadataJson};

// Throws InputError when it is larger than a trace may hold.
void add_metadata(const TraceMetadata& metadata, const std::string& path, ChunkBuilder& chunk);
[[nodiscard]] TraceMetadata read_metadata(ChunkReader& chunk);

}  // namespace pymemlab
