// Hooks over all three domains that start failing after some requests, as CPython's own tests do.
#include <gtest/gtest.h>

#include "core/pymem/memory.h"
#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

// Fails the requests [first, last) counted over all three domains and malloc, calloc and realloc.
struct FaultInjector {
  FaultInjector(Memory& of, int first, int last) : memory(of), from(first), to(last) {
    for (const Domain domain : kPython) {
      below[index(domain)] = {this, memory.get_allocator(domain)};
      memory.set_allocator(domain, record(below[index(domain)]));
    }
  }
  void remove() {
    for (const Domain domain : kPython) memory.set_allocator(domain, below[index(domain)].inner);
  }

  struct Hook {
    FaultInjector* injector = nullptr;
    AllocatorRecord inner;
  };
  static AllocatorRecord record(Hook& hook) {
    return {
        .context = &hook,
        .malloc = [](void* self, std::size_t size) -> void* {
          const AllocatorRecord& inner = of(self).inner;
          return of(self).injector->fails() ? nullptr : inner.malloc(inner.context, size);
        },
        .calloc = [](void* self, std::size_t count, std::size_t size) -> void* {
          const AllocatorRecord& inner = of(self).inner;
          return of(self).injector->fails() ? nullptr : inner.calloc(inner.context, count, size);
        },
        .realloc = [](void* self, void* block, std::size_t size) -> void* {
          const AllocatorRecord& inner = of(self).inner;
          return of(self).injector->fails() ? nullptr : inner.realloc(inner.context, block, size);
        },
        .free =
            [](void* self, void* block) {
              const AllocatorRecord& inner = of(self).inner;
              inner.free(inner.context, block);
            }};
  }
  static Hook& of(void* self) { return *static_cast<Hook*>(self); }
  bool fails() {
    const int call = count++;
    return call >= from && call < to;
  }

  Memory& memory;
  int from, to;
  int count = 0;
  std::array<Hook, 3> below;
};

TEST(FaultInjection, SurfacesWithinTheNumberOfRequestsInEveryDebugConfiguration) {
  for (const auto* configuration : {"pymalloc_debug", "malloc_debug", "pymalloc", "malloc"}) {
    for (const auto& [from, to] : {std::pair(10, 1000), {20, 1000}, {30, 31}}) {
      Memory memory(options_for(profile_named("3.11"), configuration));
      FaultInjector injector(memory, from, to);
      std::vector<void*> blocks;
      int failed_at = -1;
      for (int i = 0; i < 60 && failed_at < 0; ++i) {
        void* block = i % 3 == 0   ? memory.malloc(Domain::obj, 600)
                      : i % 3 == 1 ? memory.calloc(Domain::mem, 1, 40)
                                   : memory.realloc(Domain::raw, nullptr, 24);
        if (block == nullptr) failed_at = i;
        blocks.push_back(block);
      }
      EXPECT_GE(failed_at, 0) << configuration << " " << from;
      EXPECT_LE(failed_at, to) << configuration << " " << from;
      injector.remove();
      injector.remove();
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        memory.free(i % 3 == 0 ? Domain::obj : i % 3 == 1 ? Domain::mem : Domain::raw, blocks[i]);
      }
      EXPECT_EQ(memory.allocated_blocks(), 0);
    }
  }
}

}  // namespace
}  // namespace pymemlab
