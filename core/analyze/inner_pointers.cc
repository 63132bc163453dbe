#include "core/analyze/inner_pointers.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/trace/trace_reader.h"

namespace pymemlab {
namespace {

// The program's live blocks, by address.
class LiveAddresses {
 public:
  void take(std::uint64_t number, const Operation& operation) {
    if (operation.nested || (operation.failed && !frees_by_realloc(operation))) return;
    FindingBlock block{.domain = operation.domain, .made_event = number};
    if (operation.kind == EventKind::free || operation.kind == EventKind::realloc) {
      const std::optional<FindingBlock> before = forget(operation.slot);
      if (before && before->domain == block.domain) block.made_event = before->made_event;
    }
    const bool gives_block = takes_new_slot(operation.kind) || operation.kind == EventKind::realloc;
    if (!gives_block || operation.address == 0) return;
    if (operation.slot >= addresses_.size())
      addresses_.resize(
          std::max<std::size_t>(operation.slot + std::size_t{1}, 2 * addresses_.size()));
    addresses_[operation.slot] = operation.address;
    block.bytes = operation.bytes();
    blocks_[operation.address] = block;
  }
  void find(Finding& finding) const {
    auto block = blocks_.upper_bound(finding.address);
    if (block == blocks_.begin()) return;
    --block;
    const std::uint64_t offset = finding.address - block->first;
    if (offset >= block->second.bytes) return;
    finding.block = block->second;
    finding.offset_bytes = offset;
  }

 private:
  std::optional<FindingBlock> forget(Slot slot) {
    if (slot >= addresses_.size()) return std::nullopt;
    const auto found = blocks_.find(std::exchange(addresses_[slot], 0));
    if (found == blocks_.end()) return std::nullopt;
    const FindingBlock block = found->second;
    blocks_.erase(found);
    return block;
  }

  std::vector<std::uint64_t> addresses_;  // by slot; 0: none
  std::map<std::uint64_t, FindingBlock> blocks_;
};

bool is_unknown(const Finding& finding) noexcept {
  return finding.kind == FindingKind::unknown_block;
}

}  // namespace

void find_inner_pointers(const std::string& path, std::vector<Finding>& findings) {
  auto finding = std::find_if(findings.begin(), findings.end(), is_unknown);
  if (finding == findings.end()) return;
  TraceReader trace = TraceReader::open(path, {.addresses = true, .ahead = true});
  if (!trace.has_addresses()) return;
  LiveAddresses live;
  EventBatch batch;
  Operation operation;
  while (trace.next(batch)) {
    OperationCursor cursor(batch);
    for (std::uint64_t number = batch.first; cursor.next(operation); ++number) {
      if (number == finding->event) {
        live.find(*finding);
        finding = std::find_if(finding + 1, findings.end(), is_unknown);
        if (finding == findings.end()) return;
      }
      live.take(number, operation);
    }
  }
}

}  // namespace pymemlab
