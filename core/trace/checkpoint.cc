#include "core/trace/checkpoint.h"

#include <fmt/format.h>

#include <charconv>

namespace pymemlab {
namespace {

constexpr std::string_view kArenaRequest = "checkpoint arena_request\n";
constexpr std::string_view kEnd = "checkpoint end\n";
constexpr std::string_view kBlocks = "allocated blocks ";

bool take_prefix(std::string_view& text, std::string_view prefix) noexcept {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::string Checkpoint::mark_text() const {
  std::string text(moment == Moment::end ? kEnd : kArenaRequest);
  if (allocated_blocks) text += fmt::format("{}{}\n", kBlocks, *allocated_blocks);
  return text + statistics;
}

std::optional<Checkpoint> Checkpoint::parse(std::string_view mark) {
  Checkpoint checkpoint;
  if (take_prefix(mark, kArenaRequest)) {
    checkpoint.moment = Moment::arena_request;
  } else if (!take_prefix(mark, kEnd)) {
    return std::nullopt;
  }
  if (take_prefix(mark, kBlocks)) {
    std::uint64_t blocks = 0;
    const char* end = mark.data() + mark.size();
    const auto parsed = std::from_chars(mark.data(), end, blocks);
    if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != '\n') return std::nullopt;
    checkpoint.allocated_blocks = blocks;
    mark.remove_prefix(static_cast<std::size_t>(parsed.ptr + 1 - mark.data()));
  }
  checkpoint.statistics = mark;
  return checkpoint;
}

}  // namespace pymemlab
