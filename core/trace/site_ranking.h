// Which lines of Python hold a trace's memory.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/trace/site.h"

namespace pymemlab {

// What was asked for at a site. Blocks of nested requests, an allocator's own, are not the
// program's. A realloc moves its block to its own site.
struct SiteUse {
  SiteNumber site = kNoSite;
  std::uint64_t peak_bytes = 0;  // live when the most bytes of all were
  std::uint64_t peak_blocks = 0;
  std::uint64_t end_bytes = 0;  // live at the end
  std::uint64_t end_blocks = 0;
  std::uint64_t bytes = 0;  // requested in all
  std::uint64_t requests = 0;
};

struct SiteRanking {
  SiteTable sites;
  std::uint64_t peak_event = 0;
  std::uint64_t peak_bytes = 0;    // of all sites
  std::vector<SiteUse> uses = {};  // the most bytes at the peak first, then the most requested
};

// Reads the trace, which has to be a file, to its end, once more up to `peak_event`: the event at
// which TraceSummary has the peak of live bytes. Throws InputError if it has no sites.
[[nodiscard]] SiteRanking rank_sites(const std::string& path, std::uint64_t peak_event);

// The first `top` of them.
[[nodiscard]] nlohmann::json to_json(const SiteRanking& ranking, std::size_t top);

}  // namespace pymemlab
