// bytehound's replay files, in and out: docs/exchange.md, "bytehound".
#pragma once

#include <string>

#include "core/trace/format.h"

namespace pymemlab {

ConversionReport import_bytehound(const std::string& from, const std::string& to,
                                  const TraceWriterOptions& options);
ConversionReport export_bytehound(const std::string& from, const std::string& to);

}  // namespace pymemlab
