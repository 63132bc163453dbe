// Records installed and read back, pymalloc behind them, what blocks cost, statistics.
#include "core/pymem/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

constexpr std::array kPython = {Domain::raw, Domain::mem, Domain::obj};

// A forwarding hook that keeps what it was called with, as CPython's own tests install one.
struct Forwarder {
  explicit Forwarder(const AllocatorRecord& below) : inner(below) {}
  AllocatorRecord record() {
    return {.context = this,
            .malloc =
                [](void* self, std::size_t size) {
                  Forwarder& hook = of(self);
                  hook.calls.push_back(fmt::format("malloc {}", size));
                  return hook.inner.malloc(hook.inner.context, size);
                },
            .calloc =
                [](void* self, std::size_t count, std::size_t size) {
                  Forwarder& hook = of(self);
                  hook.calls.push_back(fmt::format("calloc {} {}", count, size));
                  return hook.inner.calloc(hook.inner.context, count, size);
                },
            .realloc =
                [](void* self, void* block, std::size_t size) {
                  Forwarder& hook = of(self);
                  hook.calls.push_back(fmt::format("realloc {} {}", block, size));
                  return hook.inner.realloc(hook.inner.context, block, size);
                },
            .free =
                [](void* self, void* block) {
                  Forwarder& hook = of(self);
                  hook.calls.push_back(fmt::format("free {}", block));
                  hook.inner.free(hook.inner.context, block);
                }};
  }
  AllocatorRecord inner;
  std::vector<std::string> calls;

 private:
  static Forwarder& of(void* self) { return *static_cast<Forwarder*>(self); }
};

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

// The hazard that CPython has: the test for "already hooked" looks at the outermost record alone.
TEST(Memory, SettingUpDebugHooksBelowAHookOfTheirsRecurses) {
  struct Bounded : Forwarder {
    using Forwarder::Forwarder;
    int depth = 0;
  };
  Memory memory(options_for(profile_named("3.13"), "malloc_debug"));
  Bounded hook(memory.get_allocator(Domain::mem));
  AllocatorRecord record = hook.record();
  record.malloc = [](void* self, std::size_t size) -> void* {
    auto& bounded = *static_cast<Bounded*>(self);
    if (++bounded.depth == 50) return nullptr;
    return bounded.inner.malloc(bounded.inner.context, size);
  };
  record.context = &hook;
  memory.set_allocator(Domain::mem, record);
  memory.setup_debug_hooks();
  EXPECT_EQ(memory.malloc(Domain::mem, 1), nullptr);
  EXPECT_EQ(hook.depth, 50);
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

TEST(BlockCost, NamesEveryLayer) {
  struct Case {
    std::string_view configuration;
    Domain domain;
    std::size_t request;
    bool in_pool;
    std::size_t layers;
    std::size_t usable;  // 0: malloc_usable_size
  };
  const std::vector<Case> cases = {
      {"pymalloc", Domain::obj, 17, true, 0, 32},
      {"pymalloc", Domain::mem, 512, true, 0, 512},
      {"pymalloc", Domain::mem, 0, false, 0, 0},
      {"pymalloc", Domain::obj, 513, false, 0, 0},
      {"pymalloc", Domain::raw, 17, false, 0, 0},
      {"pymalloc_debug", Domain::obj, 17, true, 1, 48},
      {"pymalloc_debug", Domain::mem, 0, true, 1, 32},
      {"pymalloc_debug", Domain::mem, 488, true, 1, 512},
      {"pymalloc_debug", Domain::mem, 489, false, 2, 0},
      {"pymalloc_debug", Domain::obj, 600, false, 2, 0},
      {"pymalloc_debug", Domain::raw, 600, false, 1, 0},
      {"malloc", Domain::obj, 17, false, 0, 0},
      {"malloc_debug", Domain::obj, 17, false, 1, 0},
      {"malloc_debug", Domain::mem, 600, false, 1, 0},
      {"malloc_debug", Domain::raw, 600, false, 1, 0},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(fmt::format("{} {} {}", c.configuration, name(c.domain), c.request));
    Memory memory(options_for(profile_named("3.11"), c.configuration));
    void* block = memory.malloc(c.domain, c.request);
    const BlockCost cost = memory.cost(c.domain, block);
    EXPECT_EQ(cost.in_pool, c.in_pool);
    EXPECT_EQ(cost.hook_bytes, c.layers * 24);
    EXPECT_EQ(cost.base, bytes_of(block) - 16 * c.layers);
    EXPECT_EQ(cost.usable_bytes, c.usable != 0 ? c.usable : libc_usable_bytes(cost.base));
    EXPECT_GE(cost.usable_bytes, c.request + cost.hook_bytes);
    memory.free(c.domain, block);
  }
}

TEST(BlockCost, HooksWithSerialNumbersCost32Bytes) {
  Memory memory(options_for(profile_named("3.7"), "pymalloc_debug"));
  void* block = memory.malloc(Domain::obj, 600);
  EXPECT_EQ(memory.cost(Domain::obj, block).hook_bytes, 64u);
  memory.free(Domain::obj, block);
}

TEST(BlockCost, SeesHooksThatAreSetUpLaterAndThroughForwardingRecords) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc"));
  memory.setup_debug_hooks();
  Forwarder on_mem(memory.get_allocator(Domain::mem));
  memory.set_allocator(Domain::mem, on_mem.record());
  void* block = memory.malloc(Domain::mem, 17);
  EXPECT_TRUE(memory.cost(Domain::mem, block).in_pool);
  EXPECT_EQ(memory.cost(Domain::mem, block).hook_bytes, 24u);
  memory.free(Domain::mem, block);
}

TEST(BlockCost, IsThatOfLibcOnceADomainIsGivenToLibc) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc_debug"));
  memory.set_allocator(Domain::mem, libc_raw_allocator());
  void* block = memory.malloc(Domain::mem, 17);
  const BlockCost cost = memory.cost(Domain::mem, block);
  EXPECT_FALSE(cost.in_pool);
  EXPECT_EQ(cost.base, block);
  EXPECT_EQ(cost.hook_bytes, 0u);
  memory.free(Domain::mem, block);
}

TEST(AllocatedBlocks, CountsMemAndObjButNotRaw) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc"));
  void* raw = memory.malloc(Domain::raw, 10);
  void* small = memory.malloc(Domain::mem, 10);
  void* large = memory.malloc(Domain::obj, 1000);
  EXPECT_EQ(memory.allocated_blocks(), 2);
  memory.free(Domain::mem, small);
  memory.free(Domain::obj, large);
  memory.free(Domain::raw, raw);
  EXPECT_EQ(memory.allocated_blocks(), 0);
  Memory without(options_for(profile_named("3.11"), "malloc"));
  void* block = without.malloc(Domain::mem, 10);
  EXPECT_EQ(without.allocated_blocks(), 0);
  without.free(Domain::mem, block);
}

TEST(Statistics, AreTheHeapsText) {
  for (const auto* configuration : {"pymalloc", "pymalloc_debug"}) {
    Memory memory(options_for(profile_named("3.11"), configuration));
    EXPECT_EQ(memory.statistics_text(), statistics_text(memory.heap()->statistics(), kGeometry311));
    EXPECT_THAT(memory.statistics_text(), testing::StartsWith("Small block threshold = 512"));
  }
}

TEST(Statistics, AreEmptyWithoutPymalloc) {
  for (const auto* configuration : {"malloc", "malloc_debug"}) {
    EXPECT_EQ(Memory(options_for(profile_named("3.11"), configuration)).statistics_text(), "");
  }
}

TEST(Statistics, SayHowOftenObjectMallocWasCalledUpTo37UnderHooks) {
  for (const Profile& profile : profiles()) {
    for (const auto* configuration : {"pymalloc", "pymalloc_debug"}) {
      Memory memory(options_for(profile, configuration));
      void* block = memory.malloc(Domain::obj, 1);
      const bool says = memory.statistics_text().find("# times object malloc called       =") !=
                        std::string::npos;
      EXPECT_EQ(says, profile.serial != Serial::none && memory.current_configuration()->debug)
          << profile.name << " " << configuration;
      memory.free(Domain::obj, block);
    }
  }
}

TEST(Statistics, AForeignRecordOnObjHidesPymallocExceptUnderTheHooksOf313) {
  for (const auto& [profile, configuration, shown] : {std::tuple("3.12", "pymalloc", false),
                                                      {"3.12", "pymalloc_debug", false},
                                                      {"3.13", "pymalloc", false},
                                                      {"3.13", "pymalloc_debug", true}}) {
    Memory memory(options_for(profile_named(profile), configuration));
    Forwarder hook(memory.get_allocator(Domain::obj));
    memory.set_allocator(Domain::obj, hook.record());
    EXPECT_EQ(!memory.statistics_text().empty(), shown) << profile << " " << configuration;
  }
}

TEST(MallocStats, ReportBeforeEachNewArena) {
  for (const auto& [on, wanted] : {std::pair(true, 3u), {false, 0u}}) {
    std::vector<std::string> reports;
    MemoryOptions options = options_for(profile_named("3.9"), "pymalloc");
    options.malloc_stats = on;
    options.statistics_sink = {.write =
                                   [](void* to, std::string_view text) {
                                     static_cast<std::vector<std::string>*>(to)->emplace_back(text);
                                   },
                               .context = &reports};
    Memory memory(options);
    std::vector<void*> blocks;
    for (int i = 0; i < 3 * 448; ++i) blocks.push_back(memory.malloc(Domain::obj, 512));
    EXPECT_EQ(reports.size(), wanted);
    for (std::size_t i = 0; i < reports.size(); ++i) {
      EXPECT_THAT(reports[i], testing::HasSubstr(
                                  fmt::format("# arenas allocated total           = {:20}\n", i)));
    }
    for (void* block : blocks) memory.free(Domain::obj, block);
  }
}

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
