#include "core/trace/edits/anonymizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/trace/checkpoint.h"

namespace pymemlab {
namespace {

constexpr std::array<std::string_view, 7> kHarmlessKeys = {
    "anonymized", "exit_signal", "exit_status", "notes", "parent_events", "slice", "threads"};

// Whole texts, and what numbers follow.
constexpr std::array<std::string_view, 2> kOurMarks = {"fork", "teardown"};
constexpr std::array<std::string_view, 2> kOurNumberedMarks = {"recording stopped at event ",
                                                               "slice starts at event "};

bool is_ours(std::string_view text) {
  if (Checkpoint::parse(text)) return true;
  if (std::find(kOurMarks.begin(), kOurMarks.end(), text) != kOurMarks.end()) return true;
  return std::any_of(
      kOurNumberedMarks.begin(), kOurNumberedMarks.end(), [text](std::string_view ours) {
        return text.substr(0, ours.size()) == ours &&
               text.find_first_not_of("0123456789", ours.size()) == std::string_view::npos;
      });
}

}  // namespace

void anonymize(TraceMetadata& metadata) {
  TraceMetadata kept{.python = metadata.python,
                     .source = metadata.source,
                     .pythonmalloc = metadata.pythonmalloc,
                     .columns = metadata.columns,
                     .unknown = metadata.unknown};
  for (const std::string_view key : kHarmlessKeys) {
    const auto found = metadata.extra.find(key);
    if (found != metadata.extra.end()) kept.extra[std::string(key)] = *found;
  }
  kept.extra["anonymized"] = true;
  metadata = std::move(kept);
}

void Anonymizer::mark(std::string_view text) {
  if (is_ours(text)) return sink_.mark(text);
  const auto [place, is_new] = numbers_.emplace(text, numbers_.size() + 1);
  sink_.mark(fmt::format("mark {}", place->second));
}

}  // namespace pymemlab
