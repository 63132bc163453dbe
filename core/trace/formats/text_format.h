// A trace as text, one line an event, for people and for tests. It holds all that a trace holds:
// trace -> text -> trace gives the same events and addresses. docs/trace-text-format.md has the
// grammar.
#pragma once

#include <string>
#include <string_view>

#include "core/trace/format.h"

namespace pymemlab {

ConversionReport import_text(const std::string& from, const std::string& to,
                             const TraceWriterOptions& options);
// Whether a file that starts with `head` is one.
[[nodiscard]] bool is_text(std::string_view head) noexcept;
ConversionReport export_text(const std::string& from, const std::string& to);

}  // namespace pymemlab
