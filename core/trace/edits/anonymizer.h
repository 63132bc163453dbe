// A trace without what could tell whose it is: all that is replayed, measured or proved stays.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/trace/edits/event_sink.h"
#include "core/trace/metadata.h"

namespace pymemlab {

// Drops command, process numbers, start, platform, and every key that is not known to be harmless.
void anonymize(TraceMetadata& metadata);

// Gives marks that somebody's program named a number instead. Checkpoints and our own marks stay.
class Anonymizer final : public EventSink {
 public:
  explicit Anonymizer(EventSink& sink) noexcept : sink_(sink) {}

  Slot append(const Operation& operation) override { return sink_.append(operation); }
  void mark(std::string_view text) override;

  [[nodiscard]] std::size_t renamed() const noexcept { return numbers_.size(); }

 private:
  EventSink& sink_;
  std::unordered_map<std::string, std::size_t> numbers_;  // of texts, from 1
};

}  // namespace pymemlab
