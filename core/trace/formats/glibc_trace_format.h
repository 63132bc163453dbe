// The binary logs of the GNU C library's dj/malloc branch and of glibc-malloc-trace-utils, in:
// docs/exchange.md, "glibc-trace".
#pragma once

#include <string>
#include <string_view>

#include "core/trace/format.h"

namespace pymemlab {

ConversionReport import_glibc_trace(const std::string& from, const std::string& to,
                                    const TraceWriterOptions& options);
// Whether a file that starts with `head` is one.
[[nodiscard]] bool is_glibc_trace(std::string_view head) noexcept;

}  // namespace pymemlab
