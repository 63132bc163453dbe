// The memory of one simulated interpreter: its domain table, its pymalloc, its debug hooks, its
// arena source. Several can exist at once; nothing here is process-wide.
//
//   malloc(domain) ─▶ record(domain) ─▶ [debug hook] ─▶ pymalloc ─▶ arenas
//                                                          │ 0 or over 512 bytes
//                                                          ▼
//                                      record(raw) ─▶ [debug hook] ─▶ libc
//
// pymalloc calls the public raw record and the public arena record, so what is installed there
// later applies to it too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/domain.h"
#include "core/pymalloc/allocator_record.h"
#include "core/pymalloc/small_heap.h"
#include "core/pymem/configuration.h"
#include "core/pymem/debug_failure.h"
#include "core/pymem/debug_hooks.h"
#include "core/pymem/mimalloc_engine.h"
#include "core/pymem/profile.h"
#include "core/pymem/system_allocators.h"

namespace pymemlab {

// Where statistics text goes.
struct TextSink {
  void (*write)(void* context, std::string_view text);
  void* context = nullptr;
};
[[nodiscard]] TextSink stderr_sink() noexcept;

struct MemoryOptions {
  const Profile* profile = nullptr;                 // REQUIRES: set; copied
  const Configuration* configuration = nullptr;     // REQUIRES: set
  std::optional<Geometry> geometry = std::nullopt;  // as recorded; default: the profile's
  AllocatorRecord libc = libc_raw_allocator();      // what stands below everything in raw
  std::size_t (*usable_bytes)(const void* base) = libc_usable_bytes;  // of a live block from `libc`
  std::optional<ArenaRecord> arenas = std::nullopt;  // default: mappings as the profile makes them
  // PYTHONMALLOCSTATS set to anything but "": a report before each new arena and at exit.
  bool malloc_stats = false;
  TextSink statistics_sink = stderr_sink();  // where those reports go
  DebugReporter debug_reporter = aborting_reporter();
  bool count_costs = false;  // of pymalloc: see HeapCosts
  GilCheck gil = {};         // asked by the debug hooks of mem and obj
  // Passed on to the heap: see SmallHeapOptions.
  std::uint64_t (*nominal_base)(void* context, std::uint64_t base) = nullptr;
  void* nominal_base_context = nullptr;
};

// What one live block costs, layer by layer: usable_bytes = request + hook_bytes + rounding.
struct BlockCost {
  bool in_pool;              // served by pymalloc, not by raw
  const void* base;          // what the allocator below all hooks returned
  std::size_t hook_bytes;    // guards, sizes and serials of every hook layer around it
  std::size_t usable_bytes;  // of `base`: the size class's block, or what libc or mimalloc says
};

class Memory {
 public:
  // Throws InputError if the configuration is one of mimalloc's and the machine has none.
  explicit Memory(const MemoryOptions& options);
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  // Gives back what pymalloc holds, through the records then in place. Blocks from raw that are
  // still live stay live: nobody knows them.
  ~Memory() = default;

  [[nodiscard]] const Profile& profile() const noexcept { return profile_; }
  [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }

  // PyMem_Malloc and its kin, of the domain: the guards of the public entry points (sizes above
  // SSIZE_MAX and overflowing products are refused before any hook is called), then the record.
  [[nodiscard]] void* malloc(Domain domain, std::size_t size) noexcept;
  [[nodiscard]] void* calloc(Domain domain, std::size_t count, std::size_t size) noexcept;
  [[nodiscard]] void* realloc(Domain domain, void* block, std::size_t size) noexcept;
  void free(Domain domain, void* block) noexcept;

  // The domain's current record. The reference stays valid and follows set_allocator: replay loops
  // call through it as CPython's entry points do. Domain::libc is the C library itself.
  [[nodiscard]] const AllocatorRecord& record(Domain domain) const noexcept {
    return records_[index(domain)];
  }
  // CPython: PyMem_GetAllocator, PyMem_SetAllocator. Of raw, mem and obj; any other number gets
  // five null pointers and sets nothing.
  [[nodiscard]] AllocatorRecord get_allocator(Domain domain) const noexcept;
  void set_allocator(Domain domain, const AllocatorRecord& record) noexcept;
  // CPython: PyMem_SetupDebugHooks. Again in a row it changes nothing.
  void setup_debug_hooks() noexcept;
  // What the debug hooks' dumps say of where a block was allocated.
  void set_traceback_source(const TracebackSource& source) noexcept {
    hooks_.set_traceback_source(source);
  }
  // CPython: PyObject_GetArenaAllocator, PyObject_SetArenaAllocator. Arenas do not remember where
  // they came from: those that exist are released through the new record.
  [[nodiscard]] const ArenaRecord& arenas() const noexcept { return arenas_; }
  void set_arenas(const ArenaRecord& record) noexcept { arenas_ = record; }

  // The pymalloc of this interpreter; nullptr if no domain uses it (malloc, mimalloc, ...).
  [[nodiscard]] SmallHeap* heap() noexcept { return heap_.get(); }
  [[nodiscard]] const SmallHeap* heap() const noexcept { return heap_.get(); }
  // What serves the mimalloc configurations; nullptr in the others. Its heap is the calling
  // thread's, shared by every Memory that uses it.
  [[nodiscard]] const MimallocEngine* mimalloc() const noexcept { return mimalloc_; }

  // What `block`, live and allocated in `domain` (not libc) under the records that stand now,
  // costs. Records of others are taken to forward unchanged to what they were installed on.
  [[nodiscard]] BlockCost cost(Domain domain, const void* block) const noexcept;
  // sys._debugmallocstats() without the free lists: pymalloc's or mimalloc's; empty if neither is
  // in use, or if a foreign record hides that one is.
  [[nodiscard]] std::string statistics_text() const;
  // What PYTHONMALLOCSTATS writes when the interpreter ends; nothing without it, or if there is no
  // text. A Memory does not know when that is: its owner says so.
  void report_at_exit() const noexcept;
  // sys.getallocatedblocks().
  [[nodiscard]] std::int64_t allocated_blocks() const noexcept;
  // The configuration whose records stand in all three domains exactly; nullptr if none does.
  // CPython: _PyMem_GetCurrentAllocatorName.
  [[nodiscard]] const Configuration* current_configuration() const noexcept;
  // Blocks that the debug hooks have numbered; 0 from CPython 3.8 on.
  [[nodiscard]] std::uint64_t debug_serial() const noexcept { return hooks_.serial(); }

 private:
  // What lies between a domain's record and the bottom, kept for cost().
  struct Layers {
    bool hooked = false;     // a debug hook of ours is among them
    Base base = Base::libc;  // pymalloc: what it does not serve goes through raw's layers as well
  };

  [[nodiscard]] Layers layers_of(Domain domain) const noexcept;
  [[nodiscard]] Base base_in_use() const noexcept;
  [[nodiscard]] AllocatorRecord base_record(Base base) const noexcept;
  static void report_statistics(void* memory) noexcept;

  Profile profile_;
  Geometry geometry_;
  std::size_t (*usable_bytes_)(const void* base);
  TextSink statistics_sink_;
  bool malloc_stats_;
  AllocatorRecord libc_;
  const MimallocEngine* mimalloc_;
  Base mem_and_obj_;
  Base raw_;
  std::array<AllocatorRecord, kDomains> records_;
  ArenaRecord arenas_;
  DebugHooks hooks_;
  bool debug_hooks_set_up_ = false;
  std::array<Layers, kDomains> layers_;
  AllocatorRecord heap_record_;
  std::unique_ptr<SmallHeap> heap_;  // last: its destructor calls through the members above
};

namespace memory_detail {
inline constexpr std::size_t kLargestRequest = SIZE_MAX / 2;  // CPython: PY_SSIZE_T_MAX
}

inline void* Memory::malloc(Domain domain, std::size_t size) noexcept {
  if (size > memory_detail::kLargestRequest) return nullptr;
  const AllocatorRecord& api = record(domain);
  return api.malloc(api.context, size);
}

inline void* Memory::calloc(Domain domain, std::size_t count, std::size_t size) noexcept {
  if (size != 0 && count > memory_detail::kLargestRequest / size) return nullptr;
  const AllocatorRecord& api = record(domain);
  return api.calloc(api.context, count, size);
}

inline void* Memory::realloc(Domain domain, void* block, std::size_t size) noexcept {
  if (size > memory_detail::kLargestRequest) return nullptr;
  const AllocatorRecord& api = record(domain);
  return api.realloc(api.context, block, size);
}

inline void Memory::free(Domain domain, void* block) noexcept {
  const AllocatorRecord& api = record(domain);
  api.free(api.context, block);
}

}  // namespace pymemlab
