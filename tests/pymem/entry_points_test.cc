// The public entry points and the functions at the bottom: zeros, sizes beyond all memory, products
// that overflow.
#include <gtest/gtest.h>

#include <set>

#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

// Counts the calls that reach a domain's record.
struct Counter {
  int calls = 0;
  AllocatorRecord record() {
    return {.context = this,
            .malloc = [](void* self, std::size_t) { return count(self); },
            .calloc = [](void* self, std::size_t, std::size_t) { return count(self); },
            .realloc = [](void* self, void*, std::size_t) { return count(self); },
            .free = [](void* self, void*) { count(self); }};
  }
  static void* count(void* self) {
    ++static_cast<Counter*>(self)->calls;
    return nullptr;
  }
};

TEST(EntryPoints, RefuseOversizeRequestsBeforeAnyHook) {
  for (const Domain domain : kPython) {
    Counter counter;
    Memory memory(options_for(profile_named("3.11"), "malloc"));
    memory.set_allocator(domain, counter.record());
    EXPECT_EQ(memory.malloc(domain, kLargestSize + 1), nullptr);
    EXPECT_EQ(memory.malloc(domain, SIZE_MAX), nullptr);
    EXPECT_EQ(memory.realloc(domain, nullptr, kLargestSize + 1), nullptr);
    EXPECT_EQ(memory.calloc(domain, kLargestSize, 2), nullptr);
    EXPECT_EQ(memory.calloc(domain, 2, kLargestSize), nullptr);
    EXPECT_EQ(memory.calloc(domain, kLargestSize / 8 + 1, 8), nullptr);
    EXPECT_EQ(memory.calloc(domain, SIZE_MAX, SIZE_MAX), nullptr);
    EXPECT_EQ(counter.calls, 0);
  }
}

TEST(EntryPoints, ForwardEverythingElse) {
  for (const Domain domain : kPython) {
    Counter counter;
    Memory memory(options_for(profile_named("3.11"), "malloc"));
    memory.set_allocator(domain, counter.record());
    static_cast<void>(memory.malloc(domain, kLargestSize));
    static_cast<void>(memory.realloc(domain, nullptr, kLargestSize));
    static_cast<void>(memory.calloc(domain, kLargestSize, 1));
    static_cast<void>(memory.calloc(domain, kLargestSize / 8, 8));
    static_cast<void>(memory.calloc(domain, std::size_t{1} << 63, 0));
    static_cast<void>(memory.calloc(domain, 0, SIZE_MAX));
    EXPECT_EQ(counter.calls, 6);
    memory.free(domain, nullptr);
    EXPECT_EQ(counter.calls, 7) << "free has no guard and passes a null pointer on";
  }
}

TEST(EntryPoints, AnOversizeReallocLeavesTheBlockValid) {
  for (const Configuration& configuration : configurations()) {
    Memory memory(options_for(profile_named("3.11"), configuration.name));
    for (const Domain domain : kPython) {
      void* block = memory.malloc(domain, 24);
      fill(block, 0x5A, 24);
      EXPECT_EQ(memory.realloc(domain, block, kLargestSize + 1), nullptr);
      EXPECT_EQ(runs(block, 24), "5a*24");
      memory.free(domain, block);
    }
  }
}

TEST(EntryPoints, ZeroByteRequestsGiveDistinctBlocksInEveryConfiguration) {
  for (const Profile& profile : profiles()) {
    for (const Configuration& configuration : configurations()) {
      Memory memory({.profile = &profile, .configuration = &configuration});
      for (const Domain domain : kPython) {
        std::set<void*> blocks;
        for (int i = 0; i < 3; ++i) {
          blocks.insert(memory.malloc(domain, 0));
          blocks.insert(memory.calloc(domain, 0, 0));
          blocks.insert(memory.calloc(domain, 5, 0));
          blocks.insert(memory.calloc(domain, std::size_t{1} << 63, 0));
          blocks.insert(memory.realloc(domain, nullptr, 0));
          blocks.insert(memory.realloc(domain, memory.malloc(domain, 40), 0));
        }
        EXPECT_EQ(blocks.size(), 18u) << profile.name << configuration.name << name(domain);
        EXPECT_FALSE(blocks.contains(nullptr));
        for (void* block : blocks) memory.free(domain, block);
      }
    }
  }
}

TEST(EntryPoints, FreeOfNullDoesNothingInEveryConfiguration) {
  for (const Configuration& configuration : configurations()) {
    Memory memory(options_for(profile_named("3.9"), configuration.name));
    for (const Domain domain : kPython) memory.free(domain, nullptr);
    EXPECT_EQ(memory.allocated_blocks(), 0);
  }
}

TEST(EntryPoints, CallocGivesZerosInEveryConfigurationAlsoInReusedMemory) {
  for (const Configuration& configuration : configurations()) {
    Memory memory(options_for(profile_named("3.11"), configuration.name));
    for (const Domain domain : kPython) {
      for (const std::size_t size : {1u, 16u, 100u, 488u, 489u, 512u, 513u, 5000u}) {
        void* dirty = memory.malloc(domain, size);
        fill(dirty, 0xEE, size);
        memory.free(domain, dirty);
        void* block = memory.calloc(domain, size, 1);
        EXPECT_EQ(runs(block, size), size == 1 ? "00" : fmt::format("00*{}", size));
        memory.free(domain, block);
      }
    }
  }
}

TEST(LibcRawAllocator, AsksForOneByteWhereZeroWereWanted) {
  const AllocatorRecord raw = libc_raw_allocator();
  EXPECT_EQ(raw.context, nullptr);
  void* first = raw.malloc(raw.context, 0);
  void* second = raw.calloc(raw.context, 0, 7);
  void* third = raw.calloc(raw.context, 7, 0);
  void* resized = raw.realloc(raw.context, raw.malloc(raw.context, 100), 0);
  const std::set<void*> blocks = {first, second, third, resized};
  EXPECT_EQ(blocks.size(), 4u);
  EXPECT_FALSE(blocks.contains(nullptr));
  for (void* block : blocks) {
    EXPECT_GE(libc_usable_bytes(block), 1u);
    raw.free(raw.context, block);
  }
  raw.free(raw.context, nullptr);
}

TEST(LibcDomain, IsTheCLibraryItselfWhateverTheConfiguration) {
  for (const Configuration& configuration : configurations()) {
    Memory memory(options_for(profile_named("3.11"), configuration.name));
    EXPECT_EQ(memory.record(Domain::libc), libc_allocator());
    void* block = memory.realloc(Domain::libc, memory.malloc(Domain::libc, 10), 4000);
    ASSERT_NE(block, nullptr);
    EXPECT_GE(libc_usable_bytes(block), 4000u) << "the pointer is libc's own";
    memory.free(Domain::libc, block);
    memory.free(Domain::libc, memory.calloc(Domain::libc, 3, 5));
  }
}

}  // namespace
}  // namespace pymemlab
