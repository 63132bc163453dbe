// A comparison as text for a terminal, as Markdown, as CSV, as JSON: one function a format.
#pragma once

#include <string>

#include "core/report/comparison.h"

namespace pymemlab {

[[nodiscard]] std::string text_table(const Comparison& comparison);
[[nodiscard]] std::string markdown_table(const Comparison& comparison);
[[nodiscard]] std::string csv_table(const Comparison& comparison);
[[nodiscard]] std::string json_table(const Comparison& comparison);

}  // namespace pymemlab
