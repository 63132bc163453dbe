// The mimalloc of this machine, found when it is wanted. CPython 3.13+ carries a mimalloc of its
// own; this one stands in for it, so how much and how fast are mimalloc's answers, and where a
// block is placed is nobody's model.
//
// It is loaded into a scope of its own and never linked: the library also defines malloc, and would
// otherwise become the C library's allocator of the whole process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/pymalloc/allocator_record.h"

namespace pymemlab {

// The calling thread's heap, as mimalloc's own walk over it tells.
struct MimallocHeap {
  std::size_t blocks = 0;           // live
  std::size_t block_bytes = 0;      // theirs, rounded
  std::size_t reserved_bytes = 0;   // of the pages that hold blocks
  std::size_t committed_bytes = 0;  // of those
};

class MimallocEngine {
 public:
  // The one of this process: it is loaded by the first call and never unloaded. Throws as the
  // constructor does.
  [[nodiscard]] static const MimallocEngine& of_this_machine();
  // From here on mimalloc gives memory back when it is free, not some milliseconds later, so that
  // what it holds does not depend on the clock. Variables that the user has set stay.
  // REQUIRES: it is not loaded yet.
  static void purge_at_once() noexcept;

  // `library` as the dynamic linker knows it. Throws InputError that names the package if there is
  // none, or what it lacks.
  explicit MimallocEngine(const char* library = "libmimalloc.so.2");
  MimallocEngine(const MimallocEngine&) = delete;
  MimallocEngine& operator=(const MimallocEngine&) = delete;

  // mi_malloc, mi_calloc, mi_realloc, mi_free: zero bytes are a block of their own.
  [[nodiscard]] AllocatorRecord record() const noexcept;
  [[nodiscard]] std::size_t usable_bytes(const void* block) const noexcept {
    return usable_size_(block);
  }
  [[nodiscard]] MimallocHeap heap() const noexcept;
  // What mimalloc holds of the kernel now, over all threads: its "committed" count.
  [[nodiscard]] std::uint64_t committed_bytes() const noexcept;

  [[nodiscard]] const std::string& version() const noexcept { return version_; }  // "2.0.9"
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  struct Area;
  using VisitArea = bool (*)(const void* heap, const Area* area, void* block,
                             std::size_t block_bytes, void* context);

  void* (*malloc_)(std::size_t size);
  void* (*calloc_)(std::size_t count, std::size_t size);
  void* (*realloc_)(void* block, std::size_t size);
  void (*free_)(void* block);
  std::size_t (*usable_size_)(const void* block);
  void* (*default_heap_)();
  bool (*visit_)(const void* heap, bool visit_blocks, VisitArea visit, void* context);
  void (*process_info_)(std::size_t* elapsed, std::size_t* user, std::size_t* system,
                        std::size_t* rss, std::size_t* peak_rss, std::size_t* commit,
                        std::size_t* peak_commit, std::size_t* page_faults);
  std::string version_;
  std::string path_;
};

// CPython's text for a mimalloc heap. The three limits are those of the mimalloc that CPython 3.13
// carries. CPython: py_mimalloc_print_stats.
[[nodiscard]] std::string mimalloc_statistics_text(const MimallocHeap& heap);

}  // namespace pymemlab
