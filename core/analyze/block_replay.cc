#include "core/analyze/block_replay.h"

#include <algorithm>
#include <optional>

#include "core/base/units.h"

namespace pymemlab {
namespace {

constexpr std::uint64_t kLargestBlock = 64 * kKiB;

std::size_t clamped(std::uint64_t bytes) {
  return static_cast<std::size_t>(std::min(bytes, kLargestBlock));
}

}  // namespace

BlockReplay::BlockReplay(const MeasuredTrace& trace, const Cell& cell)
    : bases_(trace.arena_bases(cell.geometry.arena_bytes)),
      arenas_(cell.residue, bases_),
      memory_(options(cell)),
      blocks_(trace.plan.slots) {}

BlockReplay::~BlockReplay() {
  for (const Block& block : blocks_)
    if (block.live) memory_.free(block.domain, block.pointer);
}

MemoryOptions BlockReplay::options(const Cell& cell) noexcept {
  return {.profile = &profile_named(cell.profile),
          .configuration = &configuration_named(cell.configuration),
          .geometry = cell.geometry,
          .arenas = arenas_.record(),
          .nominal_base = ArenaSource::nominal_base,
          .nominal_base_context = &arenas_};
}

void BlockReplay::step(std::uint64_t number, const Operation& operation) {
  const std::optional<ReplayEvent> event = translator_.translate(operation);
  if (!event || event->kind() == ReplayKind::free_null) return;
  Block& block = blocks_[event->slot()];
  const std::size_t bytes = clamped(operation.bytes());
  switch (event->kind()) {
    case ReplayKind::free: free(event->slot()); break;
    case ReplayKind::realloc:
    case ReplayKind::realloc_wide:
      if (block.live)
        place(number, operation, block, memory_.realloc(block.domain, block.pointer, bytes));
      break;
    default:
      block = {.domain = event->domain()};
      place(number, operation, block, memory_.malloc(block.domain, bytes));
  }
}

void BlockReplay::place(std::uint64_t number, const Operation& operation, Block& block,
                        void* pointer) {
  if (pointer == nullptr) return;
  if (block.pooled) pooled_bytes_ -= block.bytes;
  if (pointer != block.pointer) {
    block.made_event = number;
    block.made_clock_bytes = clock_bytes();
  }
  block.pointer = pointer;
  block.bytes = operation.bytes();
  block.site = operation.site;
  block.live = true;
  block.pooled = memory_.heap() != nullptr && memory_.heap()->owns(pointer);
  if (block.pooled) pooled_bytes_ += block.bytes;
}

void BlockReplay::free(std::uint32_t slot) {
  Block& block = blocks_[slot];
  if (!block.live) return;
  memory_.free(block.domain, block.pointer);
  if (block.pooled) pooled_bytes_ -= block.bytes;
  block.live = block.pooled = false;
}

}  // namespace pymemlab
