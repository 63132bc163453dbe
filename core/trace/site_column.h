// The columns of sites in a chunk: which ones are new in it, and where each block that it hands out
// was asked for. docs/trace-format.md, "The site columns".
#pragma once

#include <vector>

#include "core/trace/chunk.h"
#include "core/trace/event.h"
#include "core/trace/site.h"
#include "core/trace/varint.h"

namespace pymemlab {

// Programs ask in the same order over and over: which site came after which tells most of the next.
class SitePredictor {
 public:
  // A chunk begins. REQUIRES: from here on sites are at most `sites`.
  void start(SiteNumber sites) {
    successors_.assign(std::size_t{sites} + 1, kNoSite);
    before_ = kNoSite;
  }
  [[nodiscard]] SiteNumber next() const noexcept { return successors_[before_]; }
  void take(SiteNumber site) noexcept {
    successors_[before_] = site;
    before_ = site;
  }

 private:
  std::vector<SiteNumber> successors_;  // by site
  SiteNumber before_ = kNoSite;
};

// The numbers, one for each event that returned a block.
[[nodiscard]] Bytes encode_sites(const std::vector<SiteNumber>& sites, SiteNumber known);
void put_site(Bytes& table, const Site& site);

// The sites that the chunk adds to the `known` ones. Throws InputError.
[[nodiscard]] SiteTable read_site_table(ChunkReader& chunk, std::uint16_t column, SiteNumber known);
// Fills batch.sites, each at most `known`; leaves it empty if the chunk has no such column. Throws
// InputError.
void read_sites(ChunkReader& chunk, std::uint16_t column, SiteNumber known, EventBatch& batch);

}  // namespace pymemlab
