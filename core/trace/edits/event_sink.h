// Where the events of a rewritten trace go: the next edit, or a trace file. Every sink numbers its
// slots itself, as a TraceWriter does.
#pragma once

#include <string_view>

#include "core/trace/event.h"
#include "core/trace/trace_writer.h"

namespace pymemlab {

class EventSink {
 public:
  EventSink() = default;
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;
  virtual ~EventSink() = default;

  // As TraceWriter::append: returns the slot that the event took.
  virtual Slot append(const Operation& operation) = 0;
  virtual void mark(std::string_view text) = 0;
};

class FileSink final : public EventSink {
 public:
  explicit FileSink(TraceWriter& writer) noexcept : writer_(writer) {}
  Slot append(const Operation& operation) override { return writer_.append(operation); }
  void mark(std::string_view text) override { writer_.mark(text); }

 private:
  TraceWriter& writer_;
};

}  // namespace pymemlab
