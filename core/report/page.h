// A results document as one HTML page for a person who decides. The page needs no other file and no
// network: charts, style, script and data are in it. docs/report.md says what it shows.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/report/comparison.h"

namespace pymemlab {

// `advice`: what `pymemlab advise --format json` said of the same program, or null.
// Throws InputError, naming the place, when a document lacks what the page needs.
[[nodiscard]] std::string report_page(const NamedDocument& results, const NamedDocument* advice);

// Reads what `pymemlab advise --format json` wrote. Throws InputError, naming the file, for
// anything but a document of a version we know.
[[nodiscard]] NamedDocument read_advice(const std::string& path);

// JSON as it may stand in a <script> element: no '<', so that no text in it can end the element.
[[nodiscard]] std::string script_safe(std::string json);

}  // namespace pymemlab
