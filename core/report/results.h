// Measurements as the one JSON document that plots, tables and other formats are made from.
// results/schema.json is its schema, results/README.md describes it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/measure/measurement.h"
#include "core/os/machine.h"

namespace pymemlab {

inline constexpr int kResultsSchemaVersion = 1;

// How the run was made.
struct RunContext {
  Machine machine;
  std::string version;   // of pymemlab
  std::string revision;  // of its source; empty if not known
  std::string compiler;
  std::string build_type;
  std::string started;                      // UTC
  std::optional<double> load_average = {};  // of the machine at the start, when none of this ran
  std::vector<std::string> command;
  std::uint64_t seed = 0;
  std::vector<std::string> left_out;  // cells that were asked for and not measured, with reasons
};

[[nodiscard]] nlohmann::ordered_json results_document(const RunContext& context,
                                                      const std::vector<MeasuredTrace>& traces,
                                                      const std::vector<Measurement>& measurements);

// What a document says it is.
struct DocumentKind {
  const char* schema;  // "pymemlab.results"
  int version;
  const char* noun;  // "a results document"
};

// Reads a document back. Throws InputError, naming the file, for anything but a document of that
// kind and version.
[[nodiscard]] nlohmann::ordered_json read_document(const std::string& path,
                                                   const DocumentKind& kind);
[[nodiscard]] nlohmann::ordered_json read_results(const std::string& path);

}  // namespace pymemlab
