#include "core/trace/metadata_chunk.h"

#include "core/base/input_error.h"

namespace pymemlab {

using nlohmann::json;

void add_metadata(const TraceMetadata& metadata, const std::string& path, ChunkBuilder& chunk) {
  // Arguments are bytes in any encoding; JSON is UTF-8. What is not is replaced, not refused.
  const std::string text = to_json(metadata).dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > kMaxMetadataBytes)
    throw InputError("{}: its metadata takes {} bytes; at most {} are allowed", path, text.size(),
                     kMaxMetadataBytes);
  chunk.add(kMetadataJson, Bytes(text.begin(), text.end()));
}

TraceMetadata read_metadata(ChunkReader& chunk) {
  Bytes text;
  const std::size_t bytes = chunk.column(kMetadataJson, kMaxMetadataBytes, text);
  const json object =
      json::parse(text.begin(), text.begin() + std::ptrdiff_t(bytes), nullptr, false);
  if (object.is_discarded())
    throw InputError("{}: impossible coding: the metadata is no JSON", chunk.place());
  return metadata_from_json(object, chunk.place());
}

}  // namespace pymemlab
