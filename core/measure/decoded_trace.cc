#include "core/measure/decoded_trace.h"

#include <algorithm>

namespace pymemlab {
namespace {

constexpr std::size_t kWindow = 1 << 15;

// How many side words an event takes.
std::size_t wide_words(ReplayEvent event) noexcept {
  switch (event.kind()) {
    case ReplayKind::malloc_wide:
    case ReplayKind::realloc_wide:
    case ReplayKind::realloc_null_wide: return 1;
    case ReplayKind::calloc_pair:
    case ReplayKind::calloc_empty: return 2;
    default: return 0;
  }
}

}  // namespace

std::optional<DecodedTrace> DecodedTrace::read(const MeasuredTrace& trace,
                                               std::uint64_t most_bytes) {
  const std::uint64_t issued = trace.plan.counts.issued;
  if (issued > most_bytes / sizeof(ReplayEvent)) return std::nullopt;
  DecodedTrace decoded;
  decoded.events_.reserve(issued);
  ReplayFeed feed(TraceReader::open(trace.path));
  std::vector<ReplayEvent> events(kWindow);
  std::vector<std::uint64_t> wide(kWindow);
  while (true) {
    const ReplayFeed::Filled filled = feed.fill(events, wide);
    if (filled.events == 0) break;
    decoded.events_.insert(decoded.events_.end(), events.begin(),
                           events.begin() + static_cast<std::ptrdiff_t>(filled.events));
    decoded.wide_.insert(decoded.wide_.end(), wide.begin(),
                         wide.begin() + static_cast<std::ptrdiff_t>(filled.wide));
  }
  while (const std::size_t count = feed.fill_clean_up(events)) {
    decoded.clean_up_.insert(decoded.clean_up_.end(), events.begin(),
                             events.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return decoded;
}

ReplayFeed::Filled DecodedTrace::fill(Place& from, std::span<ReplayEvent> events,
                                      std::span<std::uint64_t> wide) const {
  ReplayFeed::Filled filled;
  while (filled.events < events.size() && from.event < events_.size()) {
    const ReplayEvent event = events_[from.event];
    const std::size_t words = wide_words(event);
    if (filled.wide + words > wide.size()) break;
    for (std::size_t i = 0; i < words; ++i) wide[filled.wide++] = wide_[from.wide++];
    events[filled.events++] = event;
    ++from.event;
  }
  return filled;
}

std::size_t DecodedTrace::fill_clean_up(std::size_t& from, std::span<ReplayEvent> events) const {
  const std::size_t count = std::min(events.size(), clean_up_.size() - from);
  std::copy_n(clean_up_.begin() + static_cast<std::ptrdiff_t>(from), count, events.begin());
  from += count;
  return count;
}

}  // namespace pymemlab
