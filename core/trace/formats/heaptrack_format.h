// heaptrack's recordings, raw and interpreted, in: docs/exchange.md, "heaptrack".
#pragma once

#include <string>
#include <string_view>

#include "core/trace/format.h"

namespace pymemlab {

ConversionReport import_heaptrack(const std::string& from, const std::string& to,
                                  const TraceWriterOptions& options);
// Whether a file that starts with `head` is one.
[[nodiscard]] bool is_heaptrack(std::string_view head) noexcept;

}  // namespace pymemlab
