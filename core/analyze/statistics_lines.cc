#include "core/analyze/statistics_lines.h"

#include <algorithm>
#include <array>

namespace pymemlab {
namespace {

constexpr std::string_view kCalls = "# times object malloc called";

constexpr std::array<std::string_view, 2> kMimallocsOwn = {"    Allocated ", "    Bytes "};

bool is_mimallocs_own(std::string_view line) noexcept {
  return std::any_of(kMimallocsOwn.begin(), kMimallocsOwn.end(),
                     [line](std::string_view label) { return line.starts_with(label); });
}

std::string_view take_line(std::string_view& text) noexcept {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// "# times object malloc called       =               19,039" → 19039
std::int64_t number_in(std::string_view line) noexcept {
  std::int64_t number = 0;
  for (const char c : line) {
    if (c >= '0' && c <= '9') number = number * 10 + (c - '0');
  }
  return number;
}

}  // namespace

std::optional<StatisticsLines::Difference> StatisticsLines::compare(std::string_view expected,
                                                                    std::string_view found,
                                                                    Tally& lines) {
  std::optional<Difference> first;
  for (std::size_t number = 1; !expected.empty() || !found.empty(); ++number) {
    const std::string_view theirs = take_line(expected);
    const std::string_view ours = take_line(found);
    if (is_mimallocs_own(theirs) && is_mimallocs_own(ours)) continue;
    bool equal = theirs == ours;
    if (theirs.starts_with(kCalls) && ours.starts_with(kCalls)) {
      const std::int64_t ahead = number_in(theirs) - number_in(ours);
      if (!calls_before_) {
        calls_before_ = ahead;
        continue;
      }
      equal = ahead == *calls_before_;
    }
    lines.count(equal);
    if (!equal && !first) {
      first =
          Difference{.line = number, .expected = std::string(theirs), .found = std::string(ours)};
    }
  }
  return first;
}

}  // namespace pymemlab
