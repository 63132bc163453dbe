#include "core/pymem/mimalloc_engine.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

constexpr const char* kPackage = "libmimalloc2.0";

std::string path_of(const void* inside) {
  Dl_info info{};
  return ::dladdr(inside, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "";
}

}  // namespace

// The part of mimalloc's mi_heap_area_t that all its versions share.
struct MimallocEngine::Area {
  void* blocks;
  std::size_t reserved;
  std::size_t committed;
  std::size_t used;  // blocks
  std::size_t block_size;
};

const MimallocEngine& MimallocEngine::of_this_machine() {
  static const MimallocEngine engine;
  return engine;
}

void MimallocEngine::purge_at_once() noexcept {
  for (const char* name : {"MIMALLOC_DECOMMIT_DELAY", "MIMALLOC_PURGE_DELAY"}) {
    ::setenv(name, "0", 0);  // mimalloc 2.0 reads the first, 2.1 the second
  }
}

MimallocEngine::MimallocEngine(const char* library) {
  void* handle = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw InputError(
        "there is no mimalloc on this machine: {} was wanted, which is in the package {} (apt-get "
        "install {})",
        library, kPackage, kPackage);
  }
  const auto find = [&]<typename Function>(const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(handle, name));
    if (function == nullptr) throw InputError("{} has no {}: it is no mimalloc 2", library, name);
  };
  find("mi_malloc", malloc_);
  find("mi_calloc", calloc_);
  find("mi_realloc", realloc_);
  find("mi_free", free_);
  find("mi_usable_size", usable_size_);
  find("mi_heap_get_default", default_heap_);
  find("mi_heap_visit_blocks", visit_);
  find("mi_process_info", process_info_);
  int (*version)() = nullptr;
  find("mi_version", version);
  const int number = version();
  version_ = fmt::format("{}.{}.{}", number / 100, number / 10 % 10, number % 10);
  path_ = path_of(reinterpret_cast<const void*>(malloc_));
}

AllocatorRecord MimallocEngine::record() const noexcept {
  return {.context = const_cast<MimallocEngine*>(this),  // its functions only read it
          .malloc =
              [](void* self, std::size_t size) {
                return static_cast<const MimallocEngine*>(self)->malloc_(size);
              },
          .calloc =
              [](void* self, std::size_t count, std::size_t size) {
                return static_cast<const MimallocEngine*>(self)->calloc_(count, size);
              },
          .realloc =
              [](void* self, void* block, std::size_t size) {
                return static_cast<const MimallocEngine*>(self)->realloc_(block, size);
              },
          .free = [](void* self,
                     void* block) { static_cast<const MimallocEngine*>(self)->free_(block); }};
}

MimallocHeap MimallocEngine::heap() const noexcept {
  MimallocHeap heap;
  const VisitArea add = [](const void*, const Area* area, void*, std::size_t, void* context) {
    auto& sum = *static_cast<MimallocHeap*>(context);
    sum.blocks += area->used;
    sum.block_bytes += area->used * area->block_size;
    sum.reserved_bytes += area->reserved;
    sum.committed_bytes += area->committed;
    return true;
  };
  visit_(default_heap_(), false, add, &heap);
  return heap;
}

std::uint64_t MimallocEngine::committed_bytes() const noexcept {
  std::size_t elapsed, user, system, rss, peak_rss, commit = 0, peak_commit, page_faults;
  process_info_(&elapsed, &user, &system, &rss, &peak_rss, &commit, &peak_commit, &page_faults);
  return commit;
}

std::string mimalloc_statistics_text(const MimallocHeap& heap) {
  return fmt::format(
      "Small block threshold = 16384, in 73 size classes.\n"
      "Medium block threshold = 131072\n"
      "Large object max size = 16777216\n"
      "    Allocated Blocks: {}\n"
      "    Allocated Bytes: {}\n"
      "    Allocated Bytes w/ Overhead: {}\n"
      "    Bytes Reserved: {}\n"
      "    Bytes Committed: {}\n",
      heap.blocks, heap.block_bytes, heap.block_bytes, heap.reserved_bytes, heap.committed_bytes);
}

}  // namespace pymemlab
