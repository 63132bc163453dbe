// The memory of one simulated interpreter: its domain table, its pymalloc, its debug hooks, its
// arena source. Several can exist at once; nothing here is process-wide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/domain.h"
#include "core/pymalloc/allocator_record.h"
#include "core/pymalloc/small_heap.h"
#include "core/pymem/configuration.h"
#include "core/pymem/profile.h"

namespace pymemlab {

// CPython's default raw functions over libc: malloc(0) asks for 1, calloc with a zero for (1, 1),
// realloc to 0 for 1. `context` is not used.
[[nodiscard]] AllocatorRecord libc_raw_allocator() noexcept;
// Anonymous private mappings, as CPython's default arena allocator makes them.
[[nodiscard]] ArenaRecord mmap_arenas() noexcept;
// Arenas from malloc, CPython's fallback where there is no mmap.
[[nodiscard]] ArenaRecord malloc_arenas() noexcept;

struct MemoryOptions {
  const Profile* profile = nullptr;              // REQUIRES: set
  const Configuration* configuration = nullptr;  // REQUIRES: set
  std::optional<Geometry> geometry;              // as recorded; default: the profile's
  AllocatorRecord libc = libc_raw_allocator();   // what stands below everything in raw
  ArenaRecord arenas = mmap_arenas();
  bool malloc_stats = false;                     // PYTHONMALLOCSTATS
};

// What one live block costs, layer by layer: usable_bytes = request + hook_bytes + rounding.
struct BlockCost {
  bool in_pool;              // served by pymalloc, not by raw
  const void* base;          // what the allocator below all hooks returned
  std::size_t hook_bytes;    // guards, sizes and serials of every hook layer around it
  std::size_t usable_bytes;  // of `base`: the size class's block, or malloc_usable_size
};

class Memory {
 public:
  explicit Memory(const MemoryOptions& options);
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory();

  [[nodiscard]] const Profile& profile() const noexcept;
  [[nodiscard]] const Geometry& geometry() const noexcept;

  // PyMem_Malloc and its kin, of the domain: the guards of the public entry points (sizes above
  // SSIZE_MAX and overflowing products are refused before any hook is called), then the record.
  [[nodiscard]] void* malloc(Domain domain, std::size_t size) noexcept;
  [[nodiscard]] void* calloc(Domain domain, std::size_t count, std::size_t size) noexcept;
  [[nodiscard]] void* realloc(Domain domain, void* block, std::size_t size) noexcept;
  void free(Domain domain, void* block) noexcept;

  // The domain's current record. The reference stays valid and follows set_allocator: replay loops
  // call through it as CPython's entry points do. Domain::libc is the C library itself.
  [[nodiscard]] const AllocatorRecord& record(Domain domain) const noexcept;
  // CPython: PyMem_SetAllocator, PyMem_SetupDebugHooks, PyObject_Get/SetArenaAllocator.
  void set_allocator(Domain domain, const AllocatorRecord& record) noexcept;
  void setup_debug_hooks() noexcept;
  [[nodiscard]] const ArenaRecord& arenas() const noexcept;
  void set_arenas(const ArenaRecord& record) noexcept;

  // The pymalloc of this interpreter; nullptr if no domain uses it (malloc, malloc_debug).
  [[nodiscard]] SmallHeap* heap() noexcept;
  [[nodiscard]] const SmallHeap* heap() const noexcept;

  // What `block`, live and allocated in `domain`, costs.
  [[nodiscard]] BlockCost cost(Domain domain, const void* block) const noexcept;
  // sys._debugmallocstats(): empty if pymalloc is not in use.
  [[nodiscard]] std::string statistics_text() const;
  // sys.getallocatedblocks().
  [[nodiscard]] std::int64_t allocated_blocks() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pymemlab
