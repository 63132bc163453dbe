// Counters over time as JSON for Perfetto and Chrome's tracing, out: docs/exchange.md,
// "chrome-json".
#pragma once

#include <string>

#include "core/trace/format.h"

namespace pymemlab {

ConversionReport export_chrome(const std::string& from, const std::string& to);

}  // namespace pymemlab
