// Many threads: raw without the GIL, mem and obj with it, tracemalloc while it is being stopped.
// What ThreadSanitizer is run on.
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/capi/interpreter_fixture.h"

namespace pymemlab::testing_capi {
namespace {

class Threads : public InEveryWorld {};
IN_EVERY_WORLD(Threads);

// `action(i)` in `count` threads at once, to its end. The caller lets go of the GIL meanwhile.
template <typename Action>
void in_threads(int count, Action action) {
  Py_BEGIN_ALLOW_THREADS;
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) threads.emplace_back(action, i);
  for (std::thread& thread : threads) thread.join();
  Py_END_ALLOW_THREADS;
}

TEST_P(Threads, UseRawAtTheSameTimeWithoutTheGil) {
  in_threads(8, [](int i) {
    EXPECT_EQ(PyGILState_Check(), 0);
    exercise(static_cast<std::uint64_t>(i), 300, {PYMEM_DOMAIN_RAW});
  });
}

TEST_P(Threads, PassRawBlocksOn) {
  std::atomic<void*> handed_on = nullptr;
  in_threads(4, [&](int) {
    for (int i = 0; i < 200; ++i) PyMem_RawFree(handed_on.exchange(PyMem_RawMalloc(24)));
  });
  PyMem_RawFree(handed_on);
}

TEST_P(Threads, TakeTurnsInMemAndObjWithTheGil) {
  in_threads(6, [](int i) {
    for (int turn = 0; turn < 5; ++turn) {
      const PyGILState_STATE state = PyGILState_Ensure();
      EXPECT_EQ(state, PyGILState_UNLOCKED);
      EXPECT_EQ(PyGILState_Check(), 1);
      const PyGILState_STATE nested = PyGILState_Ensure();
      EXPECT_EQ(nested, PyGILState_LOCKED);
      exercise(static_cast<std::uint64_t>(i * 10 + turn), 100, {kDomains.begin(), kDomains.end()});
      PyGILState_Release(nested);
      EXPECT_EQ(PyGILState_Check(), 1) << "the inner pair changes nothing";
      PyGILState_Release(state);
    }
  });
  EXPECT_EQ(PyGILState_Check(), 1);
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
}

TEST_P(Threads, UseRawWhileTheirBlocksAreTraced) {
  ASSERT_EQ(PyMemLab_TraceMallocStart(1), 0);
  in_threads(8, [](int i) { exercise(static_cast<std::uint64_t>(i), 100, {PYMEM_DOMAIN_RAW}); });
  std::size_t current = 1, peak = 0;
  PyMemLab_GetTracedMemory(&current, &peak);
  EXPECT_EQ(current, 0u);
  EXPECT_GT(peak, 0u);
  PyMemLab_TraceMallocStop();
}

// 0 or -2 as long as the stop is on its way, never a crash.
TEST_P(Threads, FiftyTrackAndUntrackWhileTracingStops) {
  ASSERT_EQ(PyMemLab_TraceMallocStart(5), 0);
  std::atomic<int> started = 0;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 50; ++i) {
    threads.emplace_back([i, &started] {
      ++started;
      for (unsigned round = 0; round < 20; ++round) {
        const unsigned domain = 7 + i % 3;
        const int tracked = PyTraceMalloc_Track(domain, 1000 + i, 8);
        EXPECT_TRUE(tracked == 0 || tracked == -2) << tracked;
        const int untracked = PyTraceMalloc_Untrack(domain, 1000 + i);
        EXPECT_TRUE(untracked == 0 || untracked == -2) << untracked;
      }
    });
  }
  Py_BEGIN_ALLOW_THREADS;
  while (started < 25) std::this_thread::yield();
  Py_END_ALLOW_THREADS;
  PyMemLab_TraceMallocStop();
  Py_BEGIN_ALLOW_THREADS;
  for (std::thread& thread : threads) thread.join();
  Py_END_ALLOW_THREADS;
  EXPECT_EQ(PyTraceMalloc_Track(0, 1, 1), -2);
}

TEST_P(Threads, TrackWaitsForTheGilAndUntrackDoesNot) {
  ASSERT_EQ(PyMemLab_TraceMallocStart(1), 0);
  std::thread([] { EXPECT_EQ(PyTraceMalloc_Untrack(5, 1000), 0); }).join();
  std::atomic<bool> tracked = false;
  std::thread tracking([&] {
    EXPECT_EQ(PyTraceMalloc_Track(5, 1000, 8), 0);
    tracked = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_FALSE(tracked) << "this thread holds the GIL";
  Py_BEGIN_ALLOW_THREADS;
  tracking.join();
  Py_END_ALLOW_THREADS;
  EXPECT_TRUE(tracked);
}

// Whoever makes the interpreter holds its GIL.
TEST(FirstUse, ByManyThreadsMakesOneInterpreter) {
  constexpr int kThreads = 4;
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> waiting = kThreads;
    std::atomic<int> makers = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        --waiting;
        while (waiting > 0) std::this_thread::yield();
        makers += PyGILState_Check();
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(makers, 1);
    EXPECT_EQ(PyMemLab_Initialize(nullptr, nullptr), -1) << "there is one already";
    PyMemLab_Finalize();
  }
}

}  // namespace
}  // namespace pymemlab::testing_capi
