#include "core/measure/libc_meter.h"

#include <malloc.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/pymem/system_allocators.h"

namespace pymemlab {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kHeaderBytes = 8;          // in front of a block in glibc's heap
constexpr std::uint64_t kMappingHeaderBytes = 16;  // in front of a block with a mapping of its own

// The first chunk of glibc's heap (2.30 and later): the main thread's cache of free chunks, one
// list a chunk size of 32, 48, ... bytes.
struct ThreadCache {
  static constexpr std::size_t kLists = 64;
  static constexpr std::uint64_t kChunkBytes = 0x290;  // its own
  static constexpr std::uint64_t kInUse = 1;

  std::uint64_t previous_size;
  std::uint64_t size_and_flags;
  std::uint16_t counts[kLists];
  const void* lists[kLists];

  [[nodiscard]] bool is_plausible() const noexcept {
    if (size_and_flags != (kChunkBytes | kInUse)) return false;
    for (std::size_t i = 0; i < kLists; ++i) {
      if ((counts[i] == 0) != (lists[i] == nullptr)) return false;
    }
    return true;
  }
};
static_assert(sizeof(ThreadCache) == ThreadCache::kChunkBytes);

std::uint64_t above(std::uint64_t value, std::uint64_t start) noexcept {
  return value > start ? value - start : 0;
}

// glibc keeps the break itself: no system call.
std::uintptr_t heap_end() noexcept { return reinterpret_cast<std::uintptr_t>(::sbrk(0)); }

}  // namespace

void LibcMeter::start() noexcept {
  if (!is_exact()) {
    at_start_ = gauge_.read();
    now_ = at_start_;
    return;
  }
  ::malloc_trim(0);
  const struct mallinfo2 info = ::mallinfo2();
  heap_end_at_start_ = heap_end();
  heap_begin_ = heap_end_at_start_ - info.arena;
  free_at_start_ = all_free_bytes();
}

AllocatorRecord LibcMeter::wrap(const AllocatorRecord& inner) noexcept {
  PYMEMLAB_CHECK(layer_count_ < 2);
  Layer& layer = layers_[layer_count_++];
  layer = {.meter = this, .inner = inner};
  return {.context = &layer, .malloc = malloc, .calloc = calloc, .realloc = realloc, .free = free};
}

void LibcMeter::refresh() noexcept {
  if (!is_exact()) now_ = gauge_.read();
}

std::uint64_t LibcMeter::header_bytes() const noexcept {
  if (is_exact()) return header_bytes_;
  // Where malloc_usable_size leaves headers and rounding out (scudo), what is allocated beyond it.
  const std::uint64_t blocks = at_start_.allocated + usable_bytes_;
  return above(now_.metadata, at_start_.metadata) + above(now_.allocated, blocks);
}

std::uint64_t LibcMeter::mapped_bytes() const noexcept {
  if (!is_exact()) return above(now_.mapped, at_start_.metadata + at_start_.allocated);
  // The heap may shrink below its size at the start when libc trims it; never count below zero.
  return own_mappings_bytes_ + above(heap_end(), heap_end_at_start_);
}

std::int64_t LibcMeter::free_bytes() const noexcept {
  if (!is_exact()) return static_cast<std::int64_t>(now_.free);
  return static_cast<std::int64_t>(all_free_bytes()) - static_cast<std::int64_t>(free_at_start_);
}

std::uint64_t LibcMeter::all_free_bytes() const noexcept {
  return ::mallinfo2().fordblks + thread_cache_bytes();
}

std::uint64_t LibcMeter::thread_cache_bytes() const noexcept {
  if (heap_end() - heap_begin_ < ThreadCache::kChunkBytes) return 0;
  const auto* cache = reinterpret_cast<const ThreadCache*>(heap_begin_);
  if (!cache->is_plausible()) return 0;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < ThreadCache::kLists; ++i)
    bytes += cache->counts[i] * (std::uint64_t{32} + 16 * i);
  return bytes;
}

LibcMeter::Chunk LibcMeter::chunk_of(const void* block) const noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  const std::uint64_t usable = libc_usable_bytes(block);
  if (!is_exact()) return {.usable = usable, .header = 0, .own_mapping = false};
  const bool in_heap = address >= heap_begin_ && address < heap_end();
  const bool own_mapping = !in_heap && (address - kMappingHeaderBytes) % kPageBytes == 0 &&
                           (usable + kMappingHeaderBytes) % kPageBytes == 0;
  return {.usable = usable,
          .header = own_mapping ? kMappingHeaderBytes : kHeaderBytes,
          .own_mapping = own_mapping};
}

void LibcMeter::enter(const void* block) noexcept {
  if (block == nullptr) return;
  const Chunk chunk = chunk_of(block);
  usable_bytes_ += chunk.usable;
  header_bytes_ += chunk.header;
  if (chunk.own_mapping) own_mappings_bytes_ += chunk.usable + chunk.header;
}

void LibcMeter::leave(const Chunk& chunk) noexcept {
  usable_bytes_ -= chunk.usable;
  header_bytes_ -= chunk.header;
  if (chunk.own_mapping) own_mappings_bytes_ -= chunk.usable + chunk.header;
}

void* LibcMeter::malloc(void* context, std::size_t size) {
  const auto* layer = static_cast<Layer*>(context);
  void* block = layer->inner.malloc(layer->inner.context, size);
  layer->meter->enter(block);
  return block;
}

void* LibcMeter::calloc(void* context, std::size_t count, std::size_t size) {
  const auto* layer = static_cast<Layer*>(context);
  void* block = layer->inner.calloc(layer->inner.context, count, size);
  layer->meter->enter(block);
  return block;
}

void* LibcMeter::realloc(void* context, void* block, std::size_t size) {
  const auto* layer = static_cast<Layer*>(context);
  const Chunk before = block == nullptr ? Chunk{} : layer->meter->chunk_of(block);
  void* moved = layer->inner.realloc(layer->inner.context, block, size);
  const bool freed =
      moved == nullptr && size == 0 && block != nullptr;  // libc's own realloc to zero
  if (moved == nullptr && !freed) return nullptr;
  layer->meter->leave(before);
  layer->meter->enter(moved);
  return moved;
}

void LibcMeter::free(void* context, void* block) {
  const auto* layer = static_cast<Layer*>(context);
  if (block != nullptr) layer->meter->leave(layer->meter->chunk_of(block));
  layer->inner.free(layer->inner.context, block);
}

}  // namespace pymemlab
