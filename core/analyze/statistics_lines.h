// Two statistics texts, held against each other line by line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/analyze/verify.h"

namespace pymemlab {

class StatisticsLines {
 public:
  struct Difference {
    std::size_t line;  // from 1
    std::string expected;
    std::string found;
  };

  // Counts every line of either text in `lines`. The first line that differs, if one does.
  //
  // Up to 3.7 under debug hooks one line counts every debug block since the process began, before
  // anything could be recorded: of "# times object malloc called" only the growth since the first
  // text is compared. What mimalloc counts is one thread's and its version's, which is the
  // machine's here: of its report only the sizes it was built with are compared.
  [[nodiscard]] std::optional<Difference> compare(std::string_view expected, std::string_view found,
                                                  Tally& lines);

 private:
  std::optional<std::int64_t> calls_before_;  // what CPython's count is ahead of the model's
};

}  // namespace pymemlab
