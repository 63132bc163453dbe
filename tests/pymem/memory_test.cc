// Records installed and read back, pymalloc behind them, arenas, and what goes when a Memory does.
#include "core/pymem/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

TEST(Memory, AForwardingHookSeesExactlyWhatWasAsked) {
  for (const Configuration& configuration : configurations()) {
    for (const Domain domain : kPython) {
      Memory memory(options_for(profile_named("3.11"), configuration.name));
      const AllocatorRecord before = memory.get_allocator(domain);
      Forwarder hook(before);
      memory.set_allocator(domain, hook.record());
      EXPECT_EQ(memory.get_allocator(domain), hook.record());

      void* first = memory.malloc(domain, 42);
      void* second = memory.realloc(domain, first, 200);
      memory.free(domain, second);
      void* third = memory.calloc(domain, 2, 5);
      memory.free(domain, third);
      EXPECT_THAT(hook.calls,
                  testing::ElementsAre("malloc 42", fmt::format("realloc {} 200", first),
                                       fmt::format("free {}", second), "calloc 2 5",
                                       fmt::format("free {}", third)));

      memory.set_allocator(domain, before);
      memory.free(domain, memory.malloc(domain, 1));
      EXPECT_EQ(hook.calls.size(), 5u);
    }
  }
}

TEST(Memory, ARecordsReferenceFollowsSetAllocator) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc"));
  const AllocatorRecord& record = memory.record(Domain::mem);
  memory.set_allocator(Domain::mem, libc_raw_allocator());
  EXPECT_EQ(record, libc_raw_allocator());
}

TEST(Memory, UnknownDomainsReadAsNullAndCannotBeSet) {
  Memory memory(options_for(profile_named("3.11"), "malloc"));
  for (const Domain domain : {Domain::libc, static_cast<Domain>(17)}) {
    EXPECT_EQ(memory.get_allocator(domain), AllocatorRecord{});
    memory.set_allocator(domain, {});
  }
  EXPECT_EQ(memory.record(Domain::libc), libc_allocator());
}

TEST(Memory, DebugHooksAreSetUpOnce) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc"));
  memory.setup_debug_hooks();
  std::array<AllocatorRecord, 3> once;
  for (const Domain domain : kPython) once[index(domain)] = memory.get_allocator(domain);
  memory.setup_debug_hooks();
  for (const Domain domain : kPython) EXPECT_EQ(memory.get_allocator(domain), once[index(domain)]);
  auto* block = bytes_of(memory.malloc(Domain::mem, 8));
  EXPECT_EQ(runs(block - 16, 24), "00*7 08 6d fd*7 cd*8");
  memory.free(Domain::mem, block);
}

TEST(Memory, DebugHooksWrapAForeignRecord) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc"));
  Forwarder hook(memory.get_allocator(Domain::obj));
  memory.set_allocator(Domain::obj, hook.record());
  memory.setup_debug_hooks();
  memory.free(Domain::obj, memory.malloc(Domain::obj, 10));
  EXPECT_EQ(hook.calls.front(), "malloc 34");
}

// The hazard that CPython has in every version: the test for "already hooked" looks at the
// outermost record alone. Only the bound ends the recursion.
TEST(Memory, SettingUpDebugHooksBelowAHookOfTheirsRecurses) {
  struct Bounded : Forwarder {
    using Forwarder::Forwarder;
    int depth = 0;
  };
  for (const Profile& profile : profiles()) {
    for (const Domain domain : kPython) {
      Memory memory(options_for(profile, "malloc_debug"));
      Bounded hook(memory.get_allocator(domain));
      AllocatorRecord record = hook.record();
      record.malloc = [](void* self, std::size_t size) -> void* {
        auto& bounded = *static_cast<Bounded*>(self);
        if (++bounded.depth == 50) return nullptr;
        return bounded.inner.malloc(bounded.inner.context, size);
      };
      record.context = &hook;
      memory.set_allocator(domain, record);
      memory.setup_debug_hooks();
      EXPECT_EQ(memory.malloc(domain, 1), nullptr);
      EXPECT_EQ(hook.depth, 50) << profile.name << " " << name(domain);
    }
  }
}

TEST(MemoryDeathTest, WithoutABoundThatRecursionKillsTheProcess) {
  const auto allocate = [] {
    Memory memory(options_for(profile_named("3.13"), "malloc_debug"));
    Forwarder hook(memory.get_allocator(Domain::mem));
    AllocatorRecord record = hook.record();
    record.malloc = [](void* self, std::size_t size) {
      const AllocatorRecord& inner = static_cast<Forwarder*>(self)->inner;
      return inner.malloc(inner.context, size);
    };
    memory.set_allocator(Domain::mem, record);
    memory.setup_debug_hooks();
    static_cast<void>(memory.malloc(Domain::mem, 1));
  };
  EXPECT_DEATH(allocate(), "");
}

TEST(Memory, PymallocCallsThePublicRawRecord) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc"));
  Forwarder hook(memory.get_allocator(Domain::raw));
  memory.set_allocator(Domain::raw, hook.record());
  void* large = memory.malloc(Domain::obj, 513);
  EXPECT_THAT(hook.calls, testing::ElementsAre("malloc 513"));
  void* small = memory.malloc(Domain::obj, 16);
  EXPECT_THAT(hook.calls, testing::ElementsAre("malloc 513", "realloc 0x0 768", "calloc 1 262144",
                                               "calloc 1 131072"));
  void* zeroed = memory.calloc(Domain::mem, 9, 64);
  EXPECT_EQ(hook.calls.back(), "calloc 9 64");
  for (void* block : {large, small, zeroed}) memory.free(Domain::obj, block);
  memory.set_allocator(Domain::raw, hook.inner);
}

TEST(Memory, ReallocOfARawBlockToZeroAsksForOneByteIn36Only) {
  for (const auto& [profile, call] : {std::pair("3.6", "realloc 1"), {"3.7", "realloc 0"}}) {
    WatchedAllocator libc;
    MemoryOptions options = options_for(profile_named(profile), "pymalloc");
    options.libc = libc.record();
    Memory memory(options);
    void* block = memory.malloc(Domain::obj, 600);
    block = memory.realloc(Domain::obj, block, 0);
    EXPECT_EQ(libc.calls.back(), call);
    memory.free(Domain::obj, block);
  }
}

TEST(Memory, MemAndObjShareOnePymalloc) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc"));
  void* block = memory.malloc(Domain::mem, 32);
  memory.free(Domain::obj, block);
  EXPECT_EQ(memory.malloc(Domain::obj, 32), block);
  EXPECT_EQ(memory.allocated_blocks(), 1);
  memory.free(Domain::mem, block);
}

TEST(Memory, SeveralExistAtOnceWithoutSharingAnything) {
  Memory first(options_for(profile_named("3.7"), "pymalloc_debug"));
  Memory second(options_for(profile_named("3.7"), "pymalloc_debug"));
  void* block = first.malloc(Domain::obj, 32);
  EXPECT_GT(first.debug_serial(), 0u);
  EXPECT_EQ(second.debug_serial(), 0u);
  EXPECT_FALSE(second.heap()->owns(block));
  first.free(Domain::obj, block);
}

// Arenas: an outstanding count, with sizes checked.
struct CountedArenas {
  explicit CountedArenas(ArenaRecord below) : inner(below) {}
  ArenaRecord record() {
    return {.context = this,
            .alloc =
                [](void* self, std::size_t size) {
                  auto& arenas = *static_cast<CountedArenas*>(self);
                  ++arenas.requested;
                  return arenas.inner.alloc(arenas.inner.context, size);
                },
            .free =
                [](void* self, void* base, std::size_t size) {
                  auto& arenas = *static_cast<CountedArenas*>(self);
                  ++arenas.released;
                  arenas.inner.free(arenas.inner.context, base, size);
                }};
  }
  ArenaRecord inner;
  int requested = 0;
  int released = 0;
};

TEST(Memory, ExistingArenasAreReleasedThroughTheNewRecord) {
  CountedArenas old_source(mmap_arenas());
  CountedArenas new_source(mmap_arenas());
  MemoryOptions options = options_for(profile_named("3.8"), "pymalloc");
  options.arenas = old_source.record();
  Memory memory(options);
  EXPECT_EQ(memory.arenas(), old_source.record());
  void* block = memory.malloc(Domain::obj, 16);
  memory.set_arenas(new_source.record());
  memory.free(Domain::obj, block);
  EXPECT_EQ(old_source.requested, 1);
  EXPECT_EQ(old_source.released, 0);
  EXPECT_EQ(new_source.released, 1);
}

TEST(Memory, GivesBackWhatPymallocHoldsWhenItGoes) {
  for (const auto* configuration : {"pymalloc", "pymalloc_debug"}) {
    for (const ArenaRecord& source : {mmap_arenas(), malloc_arenas(), huge_page_advised_arenas()}) {
      CountedArenas arenas(source);
      Forwarder libc(libc_raw_allocator());
      {
        MemoryOptions options = options_for(profile_named("3.11"), configuration);
        options.arenas = arenas.record();
        options.libc = libc.record();
        Memory memory(options);
        for (int i = 0; i < 10'000; ++i) ASSERT_NE(memory.malloc(Domain::obj, 400), nullptr);
        EXPECT_GE(arenas.requested, 4);
        EXPECT_EQ(arenas.released, 0);
      }
      EXPECT_EQ(arenas.released, arenas.requested);
      // The arena slots, a middle node and as many leaves as the arenas' addresses take.
      const auto freed = std::count_if(libc.calls.begin(), libc.calls.end(),
                                       [](const auto& call) { return call.starts_with("free"); });
      EXPECT_GE(freed, 3);
      EXPECT_EQ(libc.calls.size(), 2 * static_cast<std::size_t>(freed));
    }
  }
}

TEST(Memory, ArenasAreMappedAsTheProfileDoes) {
  EXPECT_EQ(Memory(options_for(profile_named("3.14"), "pymalloc")).arenas(), mmap_arenas());
  EXPECT_EQ(Memory(options_for(profile_named("3.15"), "pymalloc")).arenas(),
            huge_page_advised_arenas());
}

TEST(Memory, UsesTheGeometryThatWasRecorded) {
  MemoryOptions options = options_for(profile_named("3.6"), "pymalloc");
  options.geometry = kGeometry37;
  Memory memory(options);
  EXPECT_EQ(memory.geometry(), kGeometry37);
  EXPECT_EQ(memory.heap()->geometry(), kGeometry37);
  EXPECT_EQ(memory.profile().name, "3.6");
}

TEST(TypedCreation, WorksWithAndWithoutHooks) {
  struct Object {
    std::int64_t references;
    const void* type;
    double value;
  };
  for (const Configuration& configuration : configurations()) {
    Memory memory(options_for(profile_named("3.12"), configuration.name));
    auto* object = static_cast<Object*>(memory.malloc(Domain::obj, sizeof(Object)));
    *object = {.references = 1, .type = &configuration, .value = 2.5};
    auto* grown = static_cast<Object*>(memory.realloc(Domain::obj, object, 40 * sizeof(Object)));
    EXPECT_EQ(grown->type, &configuration);
    EXPECT_EQ(grown->value, 2.5);
    memory.free(Domain::obj, grown);
  }
}

}  // namespace
}  // namespace pymemlab
