// Does the program use its memory as CPython's API demands? Reads a trace once and keeps book of
// every block; what it finds is then acted out under each PYTHONMALLOC, by the model and its debug
// hooks, to say what CPython does (misuse_replay.h). docs/check.md explains each finding.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/analyze/finding.h"

namespace pymemlab {

struct CheckOptions {
  std::string profile = {};  // a version whose behaviour is asked for; "": the recorded Python's
  std::size_t limit = 20;    // findings kept of each kind, and groups of blocks; all are counted
};

struct FindingCount {
  std::uint64_t found = 0;
  std::uint64_t wrong = 0;
};

// Blocks of one domain, size and site that were never freed.
struct LeftBlocks {
  Domain domain = Domain::raw;
  std::uint64_t bytes_each = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_event = 0;  // that made one of them
  SiteNumber site_number = kNoSite;
  std::optional<std::string> site = {};
};

struct LeftTotal {
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
};

struct CheckReport {
  std::string path = {};
  std::string digest = {};
  std::string profile = {};
  std::uint64_t events = 0;
  std::array<FindingCount, kFindingKinds> counts{};
  std::vector<Finding> findings = {};  // in the order of their events
  // What is live at the end. Nested blocks, an allocator's own, are not the program's.
  std::array<LeftTotal, kDomains> left{};
  std::vector<LeftBlocks> left_groups = {};  // the most bytes first
  std::uint64_t left_groups_found = 0;       // shown or not
  std::optional<std::string> damage = {};    // of the trace

  [[nodiscard]] std::uint64_t wrong() const noexcept;
  [[nodiscard]] LeftTotal left_total() const noexcept;
};

// `path`: a trace file, which is read more than once. Throws InputError.
[[nodiscard]] CheckReport check_trace(const std::string& path, const CheckOptions& options = {});

// docs/check.md lists the keys.
[[nodiscard]] nlohmann::json to_json(const CheckReport& report);

}  // namespace pymemlab
