// What a results document says of single calls and of counted costs, as tables: a row a cell and
// operation, a row a cell.
#pragma once

#include <string>

#include "core/report/comparison.h"
#include "core/report/rows.h"

namespace pymemlab {

// `layout` is aligned() or piped(). Cells that have no latency are named below, with the reason.
[[nodiscard]] std::string latency_tables(const NamedDocument& document,
                                         std::string (*layout)(const Rows& rows));
[[nodiscard]] std::string costs_tables(const NamedDocument& document,
                                       std::string (*layout)(const Rows& rows));

// The same rows of all traces in one, with the trace and full precision.
[[nodiscard]] std::string latency_csv(const NamedDocument& document);
[[nodiscard]] std::string costs_csv(const NamedDocument& document);

// One object a cell: its names, and what the document has.
[[nodiscard]] std::string details_json(const NamedDocument& document, const char* what);

}  // namespace pymemlab
