// Traces made from traces: a slice, some threads, nothing personal. docs/editing-traces.md is the
// manual. Memory is bounded by what is live.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/trace/edits/slice.h"
#include "core/trace/event.h"
#include "core/trace/format.h"
#include "core/trace/metadata.h"

namespace pymemlab {

struct TraceEdits {
  std::optional<EventRange> slice = {};  // done first
  std::vector<Slot> threads = {};        // numbers in the source; empty: all
  bool anonymize = false;

  [[nodiscard]] bool change_nothing() const noexcept {
    return !slice && threads.empty() && !anonymize;
  }
};

// The trace file `from`, which may be "-", becomes the trace file `to`. What was changed to fit
// stands in the report, and in the metadata under "notes". Throws InputError, also for a slice that
// starts behind the trace's end or that is empty, and for threads that did nothing.
ConversionReport edit_trace(const std::string& from, const std::string& to, const TraceEdits& edits,
                            const TraceWriterOptions& options);

// For the smallest file: chunks as long as the format allows, compressed with all the time it
// takes.
[[nodiscard]] TraceWriterOptions best_writing(TraceWriterOptions options) noexcept;

// Whether the trace is part of another: its allocator starts without the free blocks and arenas
// that the recorded one had, or without other threads' blocks.
[[nodiscard]] bool is_part(const TraceMetadata& metadata);

}  // namespace pymemlab
