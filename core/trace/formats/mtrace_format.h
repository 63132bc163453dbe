// The GNU C library's mtrace(3) logs, in: docs/exchange.md, "mtrace".
#pragma once

#include <string>
#include <string_view>

#include "core/trace/format.h"

namespace pymemlab {

ConversionReport import_mtrace(const std::string& from, const std::string& to,
                               const TraceWriterOptions& options);
// Whether a file that starts with `head` is one.
[[nodiscard]] bool is_mtrace(std::string_view head) noexcept;

}  // namespace pymemlab
