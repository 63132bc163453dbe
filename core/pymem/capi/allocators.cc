// Reading and replacing what serves the domains and the arenas.
#include <cstddef>

#include "core/pymem/capi/interpreter.h"

using namespace pymemlab;
using capi::interpreter;

namespace {

constexpr size_t kMimallocAlignment = 8;  // of its smallest blocks

bool is_domain(PyMemAllocatorDomain domain) noexcept {
  return domain == PYMEM_DOMAIN_RAW || domain == PYMEM_DOMAIN_MEM || domain == PYMEM_DOMAIN_OBJ;
}

}  // namespace

void PyMem_GetAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx* allocator) {
  AllocatorRecord record;
  if (is_domain(domain)) record = interpreter().memory().get_allocator(static_cast<Domain>(domain));
  *allocator = {.ctx = record.context,
                .malloc = record.malloc,
                .calloc = record.calloc,
                .realloc = record.realloc,
                .free = record.free};
}

void PyMem_SetAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx* allocator) {
  if (!is_domain(domain)) return;
  interpreter().memory().set_allocator(static_cast<Domain>(domain), {.context = allocator->ctx,
                                                                     .malloc = allocator->malloc,
                                                                     .calloc = allocator->calloc,
                                                                     .realloc = allocator->realloc,
                                                                     .free = allocator->free});
}

void PyMem_SetupDebugHooks() { interpreter().memory().setup_debug_hooks(); }

void PyObject_GetArenaAllocator(PyObjectArenaAllocator* allocator) {
  const ArenaRecord& record = interpreter().memory().arenas();
  *allocator = {.ctx = record.context, .alloc = record.alloc, .free = record.free};
}

void PyObject_SetArenaAllocator(PyObjectArenaAllocator* allocator) {
  interpreter().memory().set_arenas(
      {.context = allocator->ctx, .alloc = allocator->alloc, .free = allocator->free});
}

size_t PyMemLab_GetAlignment(PyMemAllocatorDomain domain) {
  if (!is_domain(domain)) return 0;
  Memory& memory = interpreter().memory();
  const bool is_raw = domain == PYMEM_DOMAIN_RAW;
  if (memory.heap() != nullptr && !is_raw) return memory.geometry().alignment;
  if (memory.mimalloc() != nullptr && (!is_raw || memory.profile().mimalloc_serves_raw)) {
    return kMimallocAlignment;
  }
  return alignof(std::max_align_t);
}
