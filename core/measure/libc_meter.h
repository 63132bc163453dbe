// Counts what the malloc of this process serves and what it got from the kernel. Sits below
// everything in the raw domain during footprint passes.
//
// glibc's is counted from outside, exactly and after every call. Any other is asked (MallocGauge),
// which takes microseconds, so what it holds is known as of the last refresh(). Its first pages,
// taken before the start, count as free from the start: a program pays for them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/measure/malloc_gauge.h"
#include "core/pymalloc/allocator_record.h"

namespace pymemlab {

class LibcMeter {
 public:
  LibcMeter() = default;
  LibcMeter(const LibcMeter&) = delete;
  LibcMeter& operator=(const LibcMeter&) = delete;

  // A record that counts and forwards to `inner`, whose blocks are libc's. At most two.
  // REQUIRES: the meter outlives the record.
  [[nodiscard]] AllocatorRecord wrap(const AllocatorRecord& inner) noexcept;

  // Takes the baseline: what libc holds now is not counted. REQUIRES: no call went through a
  // wrapped record yet.
  void start() noexcept;

  // Whether mapped_bytes() is exact after every call, without refresh().
  [[nodiscard]] bool is_exact() const noexcept { return !gauge_.is_valid(); }
  void refresh() noexcept;

  // Bytes obtained from the kernel since the start: heap growth and mappings of large blocks. O(1).
  [[nodiscard]] std::uint64_t mapped_bytes() const noexcept;
  // Of the live blocks: malloc_usable_size, and the headers in front of them. Of other mallocs: all
  // that they keep besides blocks and free memory.
  [[nodiscard]] std::uint64_t usable_bytes() const noexcept { return usable_bytes_; }
  [[nodiscard]] std::uint64_t header_bytes() const noexcept;
  // Free chunks, in libc's bins and in the thread's cache, above what was free at the start. Walks
  // the bins. glibc: mallinfo2, which takes the thread's cache for used; it is read where
  // glibc 2.30+ keeps it, if it is recognised there.
  [[nodiscard]] std::int64_t free_bytes() const noexcept;

 private:
  struct Layer {
    LibcMeter* meter = nullptr;
    AllocatorRecord inner;
  };
  struct Chunk {
    std::uint64_t usable;
    std::uint64_t header;
    bool own_mapping;
  };
  [[nodiscard]] std::uint64_t all_free_bytes() const noexcept;
  [[nodiscard]] std::uint64_t thread_cache_bytes() const noexcept;
  [[nodiscard]] Chunk chunk_of(const void* block) const noexcept;
  void enter(const void* block) noexcept;
  void leave(const Chunk& chunk) noexcept;

  static void* malloc(void* layer, std::size_t size);
  static void* calloc(void* layer, std::size_t count, std::size_t size);
  static void* realloc(void* layer, void* block, std::size_t size);
  static void free(void* layer, void* block);

  MallocGauge gauge_ = MallocGauge::of_this_process();
  MallocReading at_start_;
  MallocReading now_;
  Layer layers_[2];
  std::size_t layer_count_ = 0;
  std::uintptr_t heap_begin_ = 0;  // of libc's contiguous heap
  std::uintptr_t heap_end_at_start_ = 0;
  std::uint64_t free_at_start_ = 0;
  std::uint64_t usable_bytes_ = 0;
  std::uint64_t header_bytes_ = 0;
  std::uint64_t own_mappings_bytes_ = 0;
};

}  // namespace pymemlab
