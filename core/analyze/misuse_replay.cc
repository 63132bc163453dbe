#include "core/analyze/misuse_replay.h"

#include <fmt/format.h>

#include <algorithm>

namespace pymemlab {

MisuseReplay::MisuseReplay(const Profile& profile, const Geometry& geometry,
                           const Configuration& configuration)
    : configuration_(configuration), arenas_({}, {}), memory_(options(profile, geometry)) {}

MisuseReplay::~MisuseReplay() {
  for (const Block& block : blocks_)
    if (block.live) memory_.free(block.domain, block.pointer);
}

MemoryOptions MisuseReplay::options(const Profile& profile, const Geometry& geometry) noexcept {
  return {.profile = &profile,
          .configuration = &configuration_,
          .geometry = geometry,
          .arenas = arenas_.record(),
          .debug_reporter = {.report = keep_failure, .context = this}};
}

void MisuseReplay::keep_failure(void* self, const DebugFailure& failure, const Profile&) noexcept {
  static_cast<MisuseReplay*>(self)->failure_ = failure;
}

void MisuseReplay::know_sites(const SiteTable& sites) noexcept {
  sites_ = &sites;
  memory_.set_traceback_source({.paragraph =
                                    [](void* self, const void* block) {
                                      return static_cast<MisuseReplay*>(self)->traceback_of(block);
                                    },
                                .context = this});
}

std::string MisuseReplay::traceback_of(const void* pointer) const {
  const Block* newest = nullptr;
  for (const Block& block : blocks_)
    if (block.pointer == pointer && (newest == nullptr || block.made > newest->made))
      newest = &block;
  if (newest == nullptr || newest->site == kNoSite) return {};
  std::string text = "Memory block allocated at (most recent call first):\n";
  for (SiteNumber site = newest->site; site != kNoSite; site = (*sites_)[site - 1].caller) {
    const Site& line = (*sites_)[site - 1];
    text += fmt::format("  File \"{}\", line {}\n", line.file, line.line);
  }
  return text + "\n";
}

void MisuseReplay::step(std::uint64_t number, const Operation& operation) {
  if (operation.nested) return;
  switch (operation.kind) {
    case EventKind::malloc:
    case EventKind::calloc:
    case EventKind::realloc_null:
    case EventKind::realloc_unknown: return allocate(number, operation);
    case EventKind::realloc: return resize(number, operation);
    case EventKind::free: return release(number, operation);
    default: return;
  }
}

void MisuseReplay::allocate(std::uint64_t number, const Operation& operation) {
  if (operation.failed) return;
  newest_request_ = number;
  if (operation.slot >= blocks_.size())
    blocks_.resize(std::max<std::size_t>(operation.slot + std::size_t{1}, 2 * blocks_.size()));
  const auto bytes = static_cast<std::size_t>(std::min(operation.bytes(), kLargestBlock));
  void* pointer = operation.kind == EventKind::calloc ? memory_.calloc(operation.domain, 1, bytes)
                                                      : memory_.malloc(operation.domain, bytes);
  blocks_[operation.slot] = {.pointer = pointer,
                             .made = number,
                             .bytes = operation.bytes(),
                             .site = operation.site,
                             .domain = operation.domain,
                             .live = pointer != nullptr,
                             .pooled = is_pooled(operation.domain, pointer)};
}

void MisuseReplay::resize(std::uint64_t number, const Operation& operation) {
  if (frees_by_realloc(operation)) return release(number, operation);
  if (operation.failed || operation.slot >= blocks_.size()) return;
  Block& block = blocks_[operation.slot];
  if (!block.live) return;
  if (block.domain != operation.domain) {
    memory_.free(block.domain, block.pointer);
    return allocate(number, operation);
  }
  newest_request_ = number;
  auto bytes = static_cast<std::size_t>(std::min(operation.size, kLargestBlock));
  // glibc would free the block, which the C library of the trace did not.
  if (operation.domain == Domain::libc && bytes == 0) bytes = 1;
  void* pointer = memory_.realloc(block.domain, block.pointer, bytes);
  block.bytes = operation.size;
  block.site = operation.site;
  if (pointer == nullptr) return;
  block.pointer = pointer;
  block.pooled = is_pooled(block.domain, pointer);
}

void MisuseReplay::release(std::uint64_t number, const Operation& operation) {
  if (operation.slot >= blocks_.size() || !blocks_[operation.slot].live) return;
  Block& block = blocks_[operation.slot];
  memory_.free(block.domain, block.pointer);
  block.live = false;
  block.freed = number;
}

bool MisuseReplay::is_pooled(Domain domain, const void* pointer) const noexcept {
  return pointer != nullptr && is_pymalloc(domain) && memory_.cost(domain, pointer).in_pool;
}

const MisuseReplay::Block* MisuseReplay::live_block_at(const void* pointer) const noexcept {
  const auto found = std::find_if(blocks_.begin(), blocks_.end(), [pointer](const Block& block) {
    return block.live && block.pointer == pointer;
  });
  return found == blocks_.end() ? nullptr : &*found;
}

}  // namespace pymemlab
