// Rows of text laid out as a table. The first row holds the headings.
#pragma once

#include <string>
#include <vector>

namespace pymemlab {

using Rows = std::vector<std::vector<std::string>>;

// Columns padded to their widest entry; the first to the left, the others to the right.
[[nodiscard]] std::string aligned(const Rows& rows);
// As Markdown.
[[nodiscard]] std::string piped(const Rows& rows);
// As CSV, RFC 4180.
[[nodiscard]] std::string comma_separated(const Rows& rows);

}  // namespace pymemlab
