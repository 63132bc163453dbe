#include "core/replay/statistics_text.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

// The last number of a line; thousands are separated by commas.
std::size_t last_number(std::string_view line) {
  std::size_t value = 0;
  const std::size_t begin = line.find_last_not_of("0123456789,");
  for (const char c : line.substr(begin == line.npos ? 0 : begin + 1)) {
    if (c != ',') value = value * 10 + static_cast<std::size_t>(c - '0');
  }
  return value;
}

// Numbers separated by spaces; as many as the line begins with, at most five.
struct Row {
  std::array<std::size_t, 5> numbers{};
  std::size_t size = 0;
};
Row numbers_of(std::string_view line) {
  Row row;
  bool within = false;
  for (const char c : line) {
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      if (!within && row.size == row.numbers.size()) return {};
      if (!within) row.numbers[row.size++] = 0;
      std::size_t& number = row.numbers[row.size - 1];
      number = number * 10 + static_cast<std::size_t>(c - '0');
      within = true;
    } else if (c == ' ') {
      within = false;
    } else {
      return {};
    }
  }
  return row;
}

struct Line {
  std::string_view begin;
  std::size_t HeapStatistics::*figure;
};
constexpr std::array kLines = {
    Line{"# arenas allocated total", &HeapStatistics::arenas_total},
    Line{"# arenas highwater mark", &HeapStatistics::arenas_highwater},
    Line{"# arenas allocated current", &HeapStatistics::arenas_current},
    Line{"# bytes in allocated blocks", &HeapStatistics::allocated_bytes},
    Line{"# bytes in available blocks", &HeapStatistics::available_bytes},
    Line{"# bytes lost to pool headers", &HeapStatistics::header_bytes},
    Line{"# bytes lost to quantization", &HeapStatistics::quantization_bytes},
    Line{"# bytes lost to arena alignment", &HeapStatistics::alignment_bytes},
    Line{"# arena map mid nodes", &HeapStatistics::mid_nodes},
    Line{"# arena map bot nodes", &HeapStatistics::leaf_nodes},
};

void read_line(std::string_view line, const Geometry& geometry, HeapStatistics& statistics) {
  for (const Line& known : kLines) {
    if (line.starts_with(known.begin)) statistics.*known.figure = last_number(line);
  }
  if (line.find(" unused pools * ") != line.npos) {
    statistics.unused_pool_bytes = last_number(line);
    statistics.unused_pools = statistics.unused_pool_bytes / geometry.pool_bytes;
  }
  const Row row = numbers_of(line);
  if (row.size != 5 || row.numbers[0] >= statistics.size_classes) return;
  statistics.classes[row.numbers[0]] = {.block_bytes = row.numbers[1],
                                        .pools = row.numbers[2],
                                        .live_blocks = row.numbers[3],
                                        .available_blocks = row.numbers[4]};
}

}  // namespace

HeapStatistics read_statistics(std::string_view text, const Geometry& geometry) {
  if (!text.starts_with("Small block threshold = ") || text.find("# arenas") == text.npos) {
    throw InputError("pymalloc's statistics were wanted, found \"{}\"",
                     text.substr(0, text.find('\n')));
  }
  HeapStatistics statistics;
  statistics.size_classes = geometry.size_classes();
  for (std::size_t c = 0; c < statistics.size_classes; ++c)
    statistics.classes[c].block_bytes = geometry.block_bytes(c);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    read_line(text.substr(0, end), geometry, statistics);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return statistics;
}

}  // namespace pymemlab
