// The modelled GIL, and what the debug hooks make of a thread without it.
#include "core/pymem/gil.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

template <typename Action>
void in_another_thread(Action action) {
  std::thread(action).join();
}

TEST(Gil, IsHeldByTheThreadThatTookItAlone) {
  Gil gil;
  EXPECT_FALSE(gil.is_held_by_this_thread());
  gil.acquire();
  EXPECT_TRUE(gil.is_held_by_this_thread());
  in_another_thread([&] { EXPECT_FALSE(gil.is_held_by_this_thread()); });
  gil.release();
  EXPECT_FALSE(gil.is_held_by_this_thread());
}

TEST(Gil, LetsOneThreadInAtATime) {
  Gil gil;
  int inside = 0;  // a data race, were it not for the GIL
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 2000; ++turn) {
        gil.acquire();
        EXPECT_EQ(++inside, 1);
        --inside;
        gil.release();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Gil, AHolderTakesItOnlyIfItsThreadHasItNot) {
  Gil gil;
  {
    const GilHolder outer(&gil);
    EXPECT_TRUE(gil.is_held_by_this_thread());
    { const GilHolder inner(&gil); }
    EXPECT_TRUE(gil.is_held_by_this_thread()) << "the inner one gave back what it had not taken";
  }
  EXPECT_FALSE(gil.is_held_by_this_thread());
  const GilHolder of_nothing(nullptr);
}

TEST(GilDeathTest, TakingItTwiceOrGivingUpWhatOneHasNotIsABug) {
  Gil gil;
  EXPECT_DEATH(gil.release(), "is_held_by_this_thread");
  gil.acquire();
  EXPECT_DEATH(gil.acquire(), "is_held_by_this_thread");
  gil.release();
}

struct Hooked {
  explicit Hooked(const Profile& profile)
      : memory([&] {
          MemoryOptions options = options_for(profile, "pymalloc_debug");
          options.debug_reporter = caught.reporter();
          options.gil = gil.check(profile);
          return options;
        }()) {}
  Gil gil;
  CaughtFailures caught;
  Memory memory;
};

TEST(GilCheck, MemAndObjNeedTheGilAndRawDoesNot) {
  for (const Profile& profile : profiles()) {
    Hooked hooked(profile);
    hooked.gil.acquire();
    void* blocks[] = {hooked.memory.malloc(Domain::raw, 1), hooked.memory.malloc(Domain::mem, 1),
                      hooked.memory.malloc(Domain::obj, 1)};
    EXPECT_TRUE(hooked.caught.all.empty());
    in_another_thread([&] {
      hooked.memory.free(Domain::raw, blocks[0]);
      hooked.memory.free(Domain::mem, blocks[1]);
      hooked.memory.free(Domain::obj, blocks[2]);
    });
    ASSERT_EQ(hooked.caught.all.size(), 2u) << profile.name;
    EXPECT_THAT(hooked.caught.all[0].text,
                testing::HasSubstr("Python memory allocator called without holding the GIL\n"));
    hooked.memory.free(Domain::mem, blocks[1]);
    hooked.memory.free(Domain::obj, blocks[2]);
    hooked.gil.release();
  }
}

TEST(GilCheck, IsGivenUpOnceThereWasASubInterpreterBefore314) {
  for (const Profile& profile : profiles()) {
    Hooked hooked(profile);
    hooked.gil.sub_interpreter_created();
    hooked.memory.free(Domain::mem, nullptr);
    const bool asked_for_thread_state = profile.since >= Version{3, 14, 0};
    EXPECT_EQ(hooked.caught.all.size(), asked_for_thread_state ? 1u : 0u) << profile.name;
  }
}

}  // namespace
}  // namespace pymemlab
