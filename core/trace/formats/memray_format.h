// Memray's captures of every allocation, capture version 13. Read only. docs/exchange.md.
#pragma once

#include <string>
#include <string_view>

#include "core/trace/format.h"

namespace pymemlab {

ConversionReport import_memray(const std::string& from, const std::string& to,
                               const TraceWriterOptions& options);
[[nodiscard]] bool is_memray(std::string_view head) noexcept;

}  // namespace pymemlab
