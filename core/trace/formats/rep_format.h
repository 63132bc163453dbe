// CMU malloclab's .rep files: four numbers (suggested heap bytes, ids, operations, weight), then
// one operation a line: "a id size", "r id size", "f id". They know one allocator, one thread and
// blocks that are freed once.
#pragma once

#include <string>

#include "core/trace/format.h"

namespace pymemlab {

// Requests become those of domain mem; metadata.unknown says what the file could not tell.
ConversionReport import_rep(const std::string& from, const std::string& to,
                            const TraceWriterOptions& options);
// Every allocation gets an id of its own, in order. The losses say what was left out or changed.
ConversionReport export_rep(const std::string& from, const std::string& to);

}  // namespace pymemlab
