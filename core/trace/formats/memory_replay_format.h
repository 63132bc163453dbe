// The logs that Android's memory_replay plays, in: docs/exchange.md, "memory_replay".
#pragma once

#include <string>
#include <string_view>

#include "core/trace/format.h"

namespace pymemlab {

ConversionReport import_memory_replay(const std::string& from, const std::string& to,
                                      const TraceWriterOptions& options);
// Whether a file that starts with `head` is one.
[[nodiscard]] bool is_memory_replay(std::string_view head) noexcept;

}  // namespace pymemlab
