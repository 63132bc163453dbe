// Where in the Python source a block was asked for: a line, and the line that called its function.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pymemlab {

// A site's number in its trace; sites are numbered from 1 in the order of their appearance.
using SiteNumber = std::uint32_t;
inline constexpr SiteNumber kNoSite = 0;  // no Python function was running, or none is known
inline constexpr SiteNumber kMaxSites = 1u << 24;
// Of a file's name and a function's; what is longer loses its beginning.
inline constexpr std::size_t kMaxSiteTextBytes = 4096;

struct Site {
  SiteNumber caller = kNoSite;  // smaller than the site's own number
  std::uint32_t line = 0;
  std::string file;
  std::string function;
  friend bool operator==(const Site&, const Site&) = default;
};

// The sites of a trace by their number, less 1.
using SiteTable = std::vector<Site>;

// "app.py:12 in parse". REQUIRES: 1 <= number <= sites.size().
[[nodiscard]] std::string line_text(const SiteTable& sites, SiteNumber number);
// The line and those that called it, the innermost first: "app.py:12 in parse < app.py:40 in main";
// "no Python line" for kNoSite.
[[nodiscard]] std::string site_text(const SiteTable& sites, SiteNumber number);

}  // namespace pymemlab
