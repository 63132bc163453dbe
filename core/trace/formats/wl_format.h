// The workloads that glibc-malloc-trace-utils plays, in and out: docs/exchange.md, "wl".
#pragma once

#include <string>

#include "core/trace/format.h"

namespace pymemlab {

// `from` must be a file that can be positioned, and so must export's `to`: each thread's program
// stands at a place of its own.
ConversionReport import_wl(const std::string& from, const std::string& to,
                           const TraceWriterOptions& options);
ConversionReport export_wl(const std::string& from, const std::string& to);

}  // namespace pymemlab
