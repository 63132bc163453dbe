// What a trace says about itself: where it came from and what it could not record.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace pymemlab {

// The recorded interpreter, as far as its memory goes. Zeroes where it did not show the fact.
struct PythonFacts {
  std::string version;  // "3.11.2"
  std::string implementation = "cpython";
  std::string build = "release";  // or "debug"
  std::uint64_t alignment = 0;    // bytes: 8 or 16
  std::uint64_t pool_bytes = 0;
  std::uint64_t arena_bytes = 0;
  friend bool operator==(const PythonFacts&, const PythonFacts&) = default;
};

// Kept as one JSON object inside the file; docs/trace-format.md lists the keys.
struct TraceMetadata {
  std::optional<PythonFacts> python = {};  // absent for synthetic and most imported traces
  std::string source = {};                 // "record", "synth NAME", "text", "rep", ...
  std::optional<std::string> pythonmalloc =
      {};  // the recorded process's PYTHONMALLOC; absent = unset
  std::vector<std::string> command = {};
  std::int64_t pid = 0;
  std::optional<std::int64_t> parent = {};
  std::string started = {};  // ISO 8601, UTC
  std::string platform = {};
  std::vector<std::string> columns = {};  // optional columns present: "address"
  std::vector<std::string> unknown =
      {};  // what the producer could not tell: "domains", "threads", ...
  nlohmann::json extra =
      nlohmann::json::object();  // keys of later versions and of workloads, kept as they are

  friend bool operator==(const TraceMetadata&, const TraceMetadata&) = default;
};

[[nodiscard]] nlohmann::json to_json(const TraceMetadata& metadata);
// Throws InputError naming `place` and the key when a known key has the wrong type.
[[nodiscard]] TraceMetadata metadata_from_json(const nlohmann::json& json,
                                               const std::string& place);

}  // namespace pymemlab
