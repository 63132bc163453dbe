#include "core/trace/site_ranking.h"

#include <algorithm>
#include <tuple>

#include "core/base/input_error.h"
#include "core/trace/trace_reader.h"

namespace pymemlab {
namespace {

class Ranking {
 public:
  void take(const Operation& operation) {
    if (takes_new_slot(operation.kind)) return allocate(operation);
    if (operation.slot >= blocks_.size() || !blocks_[operation.slot].live) return;
    Block& block = blocks_[operation.slot];
    if (operation.kind == EventKind::free) {
      block.live = false;
      if (!block.nested) release(block);
    } else if (operation.kind == EventKind::realloc && !operation.failed && !block.nested) {
      release(block);
      block.bytes = operation.size;
      block.site = operation.site;
      hold(block);
    }
  }
  void keep_peak() {
    for (SiteUse& use : uses_) {
      use.peak_bytes = use.end_bytes;
      use.peak_blocks = use.end_blocks;
    }
  }
  [[nodiscard]] std::vector<SiteUse> ranked() const {
    std::vector<SiteUse> ranked;
    for (const SiteUse& use : uses_)
      if (use.requests != 0) ranked.push_back(use);
    std::stable_sort(ranked.begin(), ranked.end(), [](const SiteUse& a, const SiteUse& b) {
      return std::tie(a.peak_bytes, a.bytes) > std::tie(b.peak_bytes, b.bytes);
    });
    return ranked;
  }

 private:
  struct Block {
    std::uint64_t bytes = 0;
    SiteNumber site = kNoSite;
    bool live = false;
    bool nested = false;
  };

  void allocate(const Operation& operation) {
    if (operation.failed) return;
    if (operation.slot >= blocks_.size())
      blocks_.resize(std::max<std::size_t>(operation.slot + std::size_t{1}, 2 * blocks_.size()));
    Block& block = blocks_[operation.slot];
    block = {operation.bytes(), operation.site, true, operation.nested};
    if (!block.nested) hold(block);
  }
  SiteUse& use_of(SiteNumber site) {
    for (auto next = static_cast<SiteNumber>(uses_.size()); next <= site; ++next)
      uses_.push_back({.site = next});
    return uses_[site];
  }
  void hold(const Block& block) {
    SiteUse& use = use_of(block.site);
    ++use.requests;
    use.bytes += block.bytes;
    use.end_bytes += block.bytes;
    ++use.end_blocks;
  }
  void release(const Block& block) {
    SiteUse& use = use_of(block.site);
    use.end_bytes -= block.bytes;
    --use.end_blocks;
  }

  std::vector<SiteUse> uses_;  // by site
  std::vector<Block> blocks_;  // by slot
};

}  // namespace

SiteRanking rank_sites(const std::string& path, std::uint64_t peak_event) {
  TraceReader trace = TraceReader::open(path, {.sites = true});
  if (!trace.has_sites())
    throw InputError("{}: does not tell where blocks were asked for; record with --sites", path);
  Ranking ranking;
  EventBatch batch;
  while (trace.next(batch)) {
    OperationCursor cursor(batch);
    std::uint64_t number = batch.first;
    for (Operation operation; cursor.next(operation); ++number) {
      ranking.take(operation);
      if (number == peak_event) ranking.keep_peak();
    }
  }
  SiteRanking result{.sites = trace.sites(), .peak_event = peak_event};
  result.uses = ranking.ranked();
  for (const SiteUse& use : result.uses) result.peak_bytes += use.peak_bytes;
  return result;
}

nlohmann::json to_json(const SiteRanking& ranking, std::size_t top) {
  nlohmann::json uses = nlohmann::json::array();
  for (std::size_t i = 0; i < std::min(top, ranking.uses.size()); ++i) {
    const SiteUse& use = ranking.uses[i];
    uses.push_back({{"site", site_text(ranking.sites, use.site)},
                    {"peak_bytes", use.peak_bytes},
                    {"peak_blocks", use.peak_blocks},
                    {"end_bytes", use.end_bytes},
                    {"end_blocks", use.end_blocks},
                    {"requested_bytes", use.bytes},
                    {"requests", use.requests}});
  }
  return {{"peak_event", ranking.peak_event},
          {"peak_bytes", ranking.peak_bytes},
          {"sites", ranking.sites.size()},
          {"top", uses}};
}

}  // namespace pymemlab
