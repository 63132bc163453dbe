#include "core/analyze/block_book.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

namespace pymemlab {
namespace {

// A refused calloc may have asked for more than 64 bits can say.
std::uint64_t bytes_asked(const Operation& operation) noexcept {
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(operation.count, operation.size, &bytes))
    return std::numeric_limits<std::uint64_t>::max();
  return bytes;
}

}  // namespace

void BlockBook::allocate(std::uint64_t number, const Operation& operation) {
  if (operation.kind == EventKind::realloc_unknown && !operation.nested)
    note_unknown(number, operation);
  if (operation.failed) {
    if (!operation.nested) note(FindingKind::failed, false, number, operation);
    return;
  }
  if (operation.slot >= blocks_.size())
    blocks_.resize(std::max<std::size_t>(operation.slot + std::size_t{1}, 2 * blocks_.size()));
  blocks_[operation.slot] = {.made = number,
                             .bytes = operation.bytes(),
                             .site = operation.site,
                             .domain = operation.domain,
                             .live = true,
                             .nested = operation.nested};
  if (operation.bytes() == 0 && !operation.nested)
    note(FindingKind::zero_size, false, number, operation);
}

void BlockBook::resize(std::uint64_t number, const Operation& operation) {
  Block& block = blocks_[operation.slot];
  if (operation.nested) {
    if (!operation.failed) block.bytes = operation.size;
    return;
  }
  if (!block.live) return note(FindingKind::dead_block, true, number, operation, &block);
  const bool strange = block.domain != operation.domain;
  if (strange) note(FindingKind::wrong_domain, true, number, operation, &block);
  if (operation.size == 0) note(FindingKind::zero_size, false, number, operation, &block);
  if (frees_by_realloc(operation)) {
    block.live = false;
    block.freed = number;
    return;
  }
  if (operation.failed) return note(FindingKind::failed, false, number, operation, &block);
  block.bytes = operation.size;
  block.site = operation.site;
  // From here on it is the block of whoever gave this pointer: one mistake is one finding.
  if (strange) {
    block.domain = operation.domain;
    block.made = number;
  }
}

void BlockBook::release(std::uint64_t number, const Operation& operation) {
  if (operation.slot == kNoSlot) return;
  Block& block = blocks_[operation.slot];
  if (!operation.nested) {
    if (!block.live) return note(FindingKind::dead_block, true, number, operation, &block);
    if (block.domain != operation.domain)
      note(FindingKind::wrong_domain, true, number, operation, &block);
  }
  block.live = false;
  block.freed = number;
}

void BlockBook::note_unknown(std::uint64_t number, const Operation& operation) {
  const bool may_be_older =
      unseen_ == Unseen::any || (unseen_ == Unseen::raw && operation.domain == Domain::raw);
  note(FindingKind::unknown_block, !may_be_older, number, operation);
}

void BlockBook::note(FindingKind kind, bool wrong, std::uint64_t number, const Operation& operation,
                     const Block* block) {
  FindingCount& count = counts_[index(kind)];
  count.wrong += wrong ? 1 : 0;
  if (count.found++ >= limit_) return;
  Finding finding{.kind = kind,
                  .wrong = wrong,
                  .event = number,
                  .call = operation.kind,
                  .domain = operation.domain,
                  .bytes = bytes_asked(operation),
                  .site_number = operation.site};
  if (operation.kind == EventKind::free_unknown) finding.address = operation.address;
  if (operation.kind == EventKind::realloc_unknown) finding.address = operation.old_address;
  if (block != nullptr) {
    finding.block = FindingBlock{.domain = block->domain,
                                 .made_event = block->made,
                                 .bytes = block->bytes,
                                 .site_number = block->site};
    if (!block->live) finding.block->freed_event = block->freed;
  }
  findings_.push_back(std::move(finding));
}

void BlockBook::finish(CheckReport& report) {
  report.counts = counts_;
  report.findings = std::move(findings_);
  std::map<std::tuple<Domain, std::uint64_t, SiteNumber>, LeftBlocks> groups;
  for (const Block& block : blocks_) {
    if (!block.live || block.nested) continue;
    LeftTotal& total = report.left[index(block.domain)];
    ++total.blocks;
    total.bytes += block.bytes;
    const auto [group, first] = groups.try_emplace({block.domain, block.bytes, block.site},
                                                   LeftBlocks{.domain = block.domain,
                                                              .bytes_each = block.bytes,
                                                              .first_event = block.made,
                                                              .site_number = block.site});
    ++group->second.blocks;
    group->second.bytes += block.bytes;
    group->second.first_event = std::min(group->second.first_event, block.made);
  }
  report.left_groups_found = groups.size();
  for (const auto& [key, group] : groups) report.left_groups.push_back(group);
  std::stable_sort(report.left_groups.begin(), report.left_groups.end(),
                   [](const LeftBlocks& a, const LeftBlocks& b) { return a.bytes > b.bytes; });
  if (report.left_groups.size() > limit_) report.left_groups.resize(limit_);
}

}  // namespace pymemlab
