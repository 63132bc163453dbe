// CPython's own text of the allocator's statistics. CPython: _PyObject_DebugMallocStats.
#include <fmt/format.h>

#include <iterator>

#include "core/pymalloc/small_heap.h"

namespace pymemlab {
namespace {

// 1234567 -> "1,234,567"
std::string with_commas(std::size_t value) {
  const std::string digits = fmt::format("{}", value);
  std::string grouped;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

class StatisticsText {
 public:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  void number(std::string_view label, std::size_t value) {
    line("{:<35}={:>21}", label, with_commas(value));
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void class_rows(StatisticsText& out, const HeapStatistics& s, const Geometry& geometry) {
  out.line("Small block threshold = {}, in {} size classes.", Geometry::small_limit,
           geometry.size_classes());
  out.line("");
  out.line("class   size   num pools   blocks in use  avail blocks");
  out.line("-----   ----   ---------   -------------  ------------");
  for (std::size_t c = 0; c < s.size_classes; ++c) {
    const SizeClassStatistics& row = s.classes[c];
    if (row.pools == 0) continue;
    out.line("{:5} {:6} {:11} {:15} {:13}", c, row.block_bytes, row.pools, row.live_blocks,
             row.available_blocks);
  }
  out.line("");
}

void radix_lines(StatisticsText& out, const HeapStatistics& s, const RadixTree& radix) {
  out.line("");
  out.line("arena map counts");
  out.number("# arena map mid nodes", s.mid_nodes);
  out.number("# arena map bot nodes", s.leaf_nodes);
  out.line("");
  const std::size_t mid = s.mid_nodes * radix.mid_bytes();
  const std::size_t leaf = s.leaf_nodes * radix.leaf_bytes();
  out.number("# bytes lost to arena map root", radix.root_bytes());
  out.number("# bytes lost to arena map mid", mid);
  out.number("# bytes lost to arena map bot", leaf);
  out.number("Total", radix.root_bytes() + mid + leaf);
}

}  // namespace

std::string statistics_text(const HeapStatistics& s, const Geometry& geometry,
                            std::optional<std::uint64_t> serial) {
  StatisticsText out;
  class_rows(out, s, geometry);
  if (serial) out.number("# times object malloc called", *serial);
  out.number("# arenas allocated total", s.arenas_total);
  out.number("# arenas reclaimed", s.arenas_total - s.arenas_current);
  out.number("# arenas highwater mark", s.arenas_highwater);
  out.number("# arenas allocated current", s.arenas_current);
  out.number(fmt::format("{} arenas * {} bytes/arena", s.arenas_current, geometry.arena_bytes),
             s.arenas_current * geometry.arena_bytes);
  out.line("");
  out.number("# bytes in allocated blocks", s.allocated_bytes);
  out.number("# bytes in available blocks", s.available_bytes);
  out.number(fmt::format("{} unused pools * {} bytes", s.unused_pools, geometry.pool_bytes),
             s.unused_pool_bytes);
  out.number("# bytes lost to pool headers", s.header_bytes);
  out.number("# bytes lost to quantization", s.quantization_bytes);
  out.number("# bytes lost to arena alignment", s.alignment_bytes);
  out.number("Total", s.total_bytes());
  if (geometry.radix.exists()) radix_lines(out, s, geometry.radix);
  return out.take();
}

}  // namespace pymemlab
