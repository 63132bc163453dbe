// tracemalloc: what is traced, what it adds up to, and what happens when a trace cannot be kept.
#include "core/pymem/tracemalloc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/base/input_error.h"
#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

using Result = Tracemalloc::TrackResult;

std::uintptr_t address(const void* block) { return reinterpret_cast<std::uintptr_t>(block); }

// A program whose current call stack the test sets.
struct CallStack {
  Traceback frames;
  FrameSource source() {
    return {.collect =
                [](void* self, std::size_t, Traceback& out) {
                  const auto& frames = static_cast<CallStack*>(self)->frames;
                  out.insert(out.end(), frames.begin(), frames.end());
                },
            .context = this};
  }
};

struct Traced {
  explicit Traced(std::string_view profile = "3.11", std::string_view configuration = "pymalloc")
      : memory([&] {
          MemoryOptions options = options_for(profile_named(profile), configuration);
          options.debug_reporter = caught.reporter();
          return options;
        }()),
        tracemalloc(memory,
                    {.frames = stack.source(),
                     .may_store = [](void* self) { return !static_cast<Traced*>(self)->full; },
                     .may_store_context = this}) {}
  CaughtFailures caught;
  CallStack stack{{{"app.py", 7}, {"main.py", 1}}};
  bool full = false;
  Memory memory;
  Tracemalloc tracemalloc;
};

TEST(Tracemalloc, CountsTheBytesRequestedInAllDomains) {
  for (const auto* configuration : {"pymalloc", "pymalloc_debug", "malloc", "malloc_debug"}) {
    Traced traced("3.11", configuration);
    void* before = traced.memory.malloc(Domain::mem, 1000);
    traced.tracemalloc.start();
    std::vector<void*> blocks;
    for (const Domain domain : kPython) {
      blocks.push_back(traced.memory.malloc(domain, 100));
      blocks.push_back(traced.memory.calloc(domain, 3, 1000));
    }
    EXPECT_EQ(traced.tracemalloc.traced_memory(), (TracedMemory{9300, 9300})) << configuration;
    blocks[0] = traced.memory.realloc(Domain::raw, blocks[0], 50);
    EXPECT_EQ(traced.tracemalloc.traced_memory(), (TracedMemory{9250, 9300})) << configuration;
    traced.memory.free(Domain::mem, before);
    for (std::size_t i = 0; i < blocks.size(); ++i) traced.memory.free(kPython[i / 2], blocks[i]);
    EXPECT_EQ(traced.tracemalloc.traced_memory(), (TracedMemory{0, 9300})) << configuration;
  }
}

TEST(Tracemalloc, RecordsABlockOnceInTheDomainThatTheProgramCalled) {
  Traced traced("3.11", "pymalloc_debug");
  traced.tracemalloc.start();
  void* block = traced.memory.malloc(Domain::obj, 600);  // pymalloc asks raw for it
  const auto traces = traced.tracemalloc.traces();
  ASSERT_EQ(traces.size(), 1u);
  EXPECT_EQ(traces[0].block, address(block));
  EXPECT_EQ(traces[0].bytes, 600u);
  block = traced.memory.realloc(Domain::obj, block, 5000);
  EXPECT_EQ(traced.tracemalloc.traces().size(), 1u);
  EXPECT_EQ(traced.tracemalloc.traced_memory().current_bytes, 5000u);
  traced.memory.free(Domain::obj, block);
  EXPECT_TRUE(traced.tracemalloc.traces().empty());
}

TEST(Tracemalloc, AMovedBlockIsKnownByItsNewPlaceAlone) {
  Traced traced;
  traced.tracemalloc.start();
  void* block = traced.memory.malloc(Domain::obj, 16);
  void* moved = traced.memory.realloc(Domain::obj, block, 200);
  ASSERT_NE(moved, block);
  EXPECT_TRUE(traced.tracemalloc.traceback(0, address(block)).empty());
  EXPECT_FALSE(traced.tracemalloc.traceback(0, address(moved)).empty());
  traced.memory.free(Domain::obj, moved);
}

TEST(Tracemalloc, AnswersTheTracebackUpToItsLimit) {
  for (const auto& [limit, wanted] : {std::pair(1, Traceback{{"app.py", 7}}),
                                      {2, {{"app.py", 7}, {"main.py", 1}}},
                                      {5, {{"app.py", 7}, {"main.py", 1}}}}) {
    Traced traced;
    traced.tracemalloc.start(limit);
    EXPECT_EQ(traced.tracemalloc.traceback_limit(), limit);
    void* block = traced.memory.malloc(Domain::mem, 1);
    traced.stack.frames = {{"other.py", 9}};
    EXPECT_EQ(traced.tracemalloc.traceback(0, address(block)), wanted);
    traced.memory.free(Domain::mem, block);
  }
}

TEST(Tracemalloc, WithoutASourceTracebacksAreUnknown) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc"));
  Tracemalloc tracemalloc(memory);
  tracemalloc.start();
  EXPECT_EQ(tracemalloc.track(5, 1, 2), Result::ok);
  EXPECT_EQ(tracemalloc.traceback(5, 1), (Traceback{{"<unknown>", 0}}));
}

TEST(Tracemalloc, KeepsTheNamesThatASourceOnlyLends) {
  Traced traced;
  std::string lent = "lent.py";
  traced.stack.frames = {{lent, 3}};
  traced.tracemalloc.start();
  EXPECT_EQ(traced.tracemalloc.track(0, 64, 1), Result::ok);
  lent = "gone!!!";
  EXPECT_EQ(traced.tracemalloc.traceback(0, 64), (Traceback{{"lent.py", 3}}));
}

TEST(Tracemalloc, RefusesNumbersOfFramesInTheProfilesWords) {
  for (const Profile& profile : profiles()) {
    const int limit = profile.since >= Version{3, 9, 0} ? 65'535 : 178'956'969;
    for (const int frames : {0, -1, limit + 1}) {
      Traced traced(profile.name);
      try {
        traced.tracemalloc.start(frames);
        FAIL() << profile.name << " takes " << frames;
      } catch (const InputError& error) {
        EXPECT_EQ(error.what(),
                  fmt::format("the number of frames must be in range [1; {}]", limit));
      }
      EXPECT_FALSE(traced.tracemalloc.is_tracing());
    }
    Traced traced(profile.name);
    traced.tracemalloc.start(limit);
    EXPECT_TRUE(traced.tracemalloc.is_tracing());
  }
}

TEST(Tracemalloc, WrapsAllDomainsOutermostAndStopsByPuttingTheRecordsBack) {
  Traced traced("3.11", "pymalloc_debug");
  std::vector<AllocatorRecord> before;
  before.reserve(kPython.size());
  for (const Domain domain : kPython) before.push_back(traced.memory.get_allocator(domain));
  traced.tracemalloc.start();
  for (const Domain domain : kPython) {
    EXPECT_NE(traced.memory.get_allocator(domain), before[index(domain)]);
  }
  EXPECT_EQ(traced.memory.current_configuration(), nullptr);
  Forwarder on_top(traced.memory.get_allocator(Domain::mem));
  traced.memory.set_allocator(Domain::mem, on_top.record());
  traced.tracemalloc.stop();
  for (const Domain domain : kPython) {
    EXPECT_EQ(traced.memory.get_allocator(domain), before[index(domain)]) << name(domain);
  }
  traced.tracemalloc.stop();
}

TEST(Tracemalloc, StartingAgainChangesNothingAndStoppingForgetsAll) {
  Traced traced;
  traced.tracemalloc.start(1);
  traced.tracemalloc.start(9);
  EXPECT_EQ(traced.tracemalloc.traceback_limit(), 1);
  EXPECT_EQ(traced.tracemalloc.track(3, 48, 10), Result::ok);
  traced.tracemalloc.stop();
  EXPECT_EQ(traced.tracemalloc.traced_memory(), (TracedMemory{0, 0}));
  EXPECT_TRUE(traced.tracemalloc.traces().empty());
}

TEST(Tracemalloc, EndsWithTheRecordsAsTheyWere) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc"));
  {
    Tracemalloc tracemalloc(memory);
    tracemalloc.start();
  }
  ASSERT_NE(memory.current_configuration(), nullptr);
  EXPECT_EQ(memory.current_configuration()->name, "pymalloc");
}

TEST(Tracemalloc, ResetsThePeakAndClears) {
  Traced traced;
  traced.tracemalloc.start();
  void* small = traced.memory.malloc(Domain::mem, 10);
  traced.memory.free(Domain::mem, traced.memory.malloc(Domain::mem, 1000));
  EXPECT_EQ(traced.tracemalloc.traced_memory(), (TracedMemory{10, 1010}));
  traced.tracemalloc.reset_peak();
  EXPECT_EQ(traced.tracemalloc.traced_memory(), (TracedMemory{10, 10}));
  traced.tracemalloc.clear();
  EXPECT_EQ(traced.tracemalloc.traced_memory(), (TracedMemory{0, 0}));
  EXPECT_TRUE(traced.tracemalloc.is_tracing());
  traced.memory.free(Domain::mem, small);
  EXPECT_EQ(traced.tracemalloc.traced_memory().current_bytes, 0u);
}

TEST(Tracemalloc, TrackReplacesWhatItKnowsPerDomain) {
  Traced traced;
  EXPECT_EQ(traced.tracemalloc.track(7, 4096, 10), Result::not_tracing);
  EXPECT_EQ(traced.tracemalloc.untrack(7, 4096), Result::not_tracing);
  traced.tracemalloc.start();
  EXPECT_EQ(traced.tracemalloc.track(7, 4096, 10'000'000), Result::ok);
  traced.stack.frames = {{"second.py", 2}};
  EXPECT_EQ(traced.tracemalloc.track(7, 4096, 20'000'000), Result::ok);
  EXPECT_EQ(traced.tracemalloc.traced_memory(), (TracedMemory{20'000'000, 20'000'000}));
  EXPECT_EQ(traced.tracemalloc.traceback(7, 4096), (Traceback{{"second.py", 2}}));
  EXPECT_EQ(traced.tracemalloc.track(8, 4096, 5), Result::ok);
  EXPECT_EQ(traced.tracemalloc.traced_memory().current_bytes, 20'000'005u);
  EXPECT_EQ(traced.tracemalloc.untrack(7, 4096), Result::ok);
  EXPECT_EQ(traced.tracemalloc.untrack(7, 4096), Result::ok);
  EXPECT_EQ(traced.tracemalloc.untrack(99, 4096), Result::ok);
  EXPECT_EQ(traced.tracemalloc.traced_memory().current_bytes, 5u);
  traced.full = true;
  EXPECT_EQ(traced.tracemalloc.track(1, 1, 1), Result::no_memory);
  static_assert(static_cast<int>(Result::no_memory) == -1);
  static_assert(static_cast<int>(Result::not_tracing) == -2);
}

TEST(Tracemalloc, ABlockWhoseTraceCannotBeStoredIsGivenBack) {
  Memory* below = nullptr;
  WatchedAllocator watched;
  MemoryOptions options = options_for(profile_named("3.11"), "malloc");
  options.libc = watched.record();
  Memory memory(options);
  below = &memory;
  Tracemalloc tracemalloc(*below, {.may_store = [](void*) { return false; }});
  tracemalloc.start();
  for (const Domain domain : kPython) {
    watched.calls.clear();
    EXPECT_EQ(memory.malloc(domain, 10), nullptr);
    EXPECT_EQ(memory.calloc(domain, 2, 5), nullptr);
    EXPECT_EQ(memory.realloc(domain, nullptr, 10), nullptr);
    EXPECT_THAT(watched.calls, testing::ElementsAre("malloc 10", "free", "calloc 2 5", "free",
                                                    "realloc 10", "malloc 10", "free"));
  }
  EXPECT_EQ(tracemalloc.traced_memory(), (TracedMemory{0, 0}));
}

TEST(TracemallocDeathTest, ResizingABlockWhoseTraceCannotBeStoredIsFatal) {
  for (const auto& [profile, words] :
       {std::pair("3.8", "Fatal Python error: tracemalloc_realloc\\(\\) failed"),
        {"3.12", "Fatal Python error: tracemalloc_realloc: tracemalloc_realloc\\(\\) failed"}}) {
    Traced traced(profile);
    traced.tracemalloc.start();
    void* block = traced.memory.malloc(Domain::mem, 10);
    traced.full = true;
    EXPECT_EXIT((void)traced.memory.realloc(Domain::mem, block, 1000),
                testing::KilledBySignal(SIGABRT), fmt::format("{} to allocate a trace\n", words));
    traced.full = false;
    traced.memory.free(Domain::mem, block);
  }
}

TEST(Tracemalloc, FreesBelowBeforeItForgets) {
  Traced traced;
  struct Below {
    Forwarder forwarder;
    Tracemalloc* tracemalloc;
    std::size_t traced_at_free = 0;
  };
  Below below{Forwarder(traced.memory.get_allocator(Domain::mem)), &traced.tracemalloc};
  AllocatorRecord record = below.forwarder.record();
  record.free = [](void* context, void* block) {
    auto* self = static_cast<Below*>(context);  // its first member is the forwarder
    self->traced_at_free = self->tracemalloc->traced_memory().current_bytes;
    self->forwarder.inner.free(self->forwarder.inner.context, block);
  };
  record.context = &below;
  traced.memory.set_allocator(Domain::mem, record);
  traced.tracemalloc.start();
  void* block = traced.memory.malloc(Domain::mem, 10);
  traced.memory.free(Domain::mem, block);
  EXPECT_EQ(below.traced_at_free, 10u);
  EXPECT_EQ(traced.tracemalloc.traced_memory().current_bytes, 0u);
}

TEST(Tracemalloc, RawTakesTheGilForAllocatingAndNotForFreeing) {
  Gil gil;
  struct Below {
    AllocatorRecord inner;
    Gil* gil;
    std::string seen;
    static Below& of(void* context) { return *static_cast<Below*>(context); }
    void note() { seen += gil->is_held_by_this_thread() ? 'G' : '-'; }
  };
  MemoryOptions options = options_for(profile_named("3.11"), "pymalloc");
  Below below{libc_raw_allocator(), &gil, ""};
  options.libc = {.context = &below,
                  .malloc =
                      [](void* context, std::size_t size) {
                        Below::of(context).note();
                        return Below::of(context).inner.malloc(nullptr, size);
                      },
                  .calloc =
                      [](void* context, std::size_t count, std::size_t size) {
                        Below::of(context).note();
                        return Below::of(context).inner.calloc(nullptr, count, size);
                      },
                  .realloc =
                      [](void* context, void* block, std::size_t size) {
                        Below::of(context).note();
                        return Below::of(context).inner.realloc(nullptr, block, size);
                      },
                  .free =
                      [](void* context, void* block) {
                        Below::of(context).note();
                        Below::of(context).inner.free(nullptr, block);
                      }};
  Memory memory(options);
  Tracemalloc tracemalloc(memory, {.gil = &gil});
  tracemalloc.start();
  void* block = memory.malloc(Domain::raw, 1);
  void* other = memory.calloc(Domain::raw, 1, 1);
  block = memory.realloc(Domain::raw, block, 100);
  memory.free(Domain::raw, block);
  memory.free(Domain::raw, other);
  EXPECT_EQ(below.seen, "GGG--");
}

TEST(Tracemalloc, ASourceMayAllocateWithoutBeingTraced) {
  struct Source {
    Memory memory{options_for(profile_named("3.11"), "pymalloc")};
    std::vector<void*> blocks;
    static void collect(void* context, std::size_t, Traceback&) {
      auto& [memory, blocks] = *static_cast<Source*>(context);
      for (const Domain domain : kPython) blocks.push_back(memory.malloc(domain, 9));
    }
  } source;
  Tracemalloc tracemalloc(source.memory,
                          {.frames = {.collect = Source::collect, .context = &source}});
  tracemalloc.start();
  void* block = source.memory.malloc(Domain::mem, 10);
  EXPECT_EQ(tracemalloc.track(1, 2, 3), Result::ok);
  EXPECT_EQ(source.blocks.size(), 6u);
  EXPECT_EQ(tracemalloc.traces().size(), 2u);
  source.memory.free(Domain::mem, block);
  for (std::size_t i = 0; i < source.blocks.size(); ++i) {
    source.memory.free(kPython[i % kPython.size()], source.blocks[i]);
  }
}

TEST(Tracemalloc, ManyThreadsMayTrackAndUntrackWhileItStops) {
  Gil gil;
  Memory memory(options_for(profile_named("3.13"), "pymalloc"));
  Tracemalloc tracemalloc(memory, {.gil = &gil});
  tracemalloc.start(5);
  std::vector<std::thread> threads;
  threads.reserve(50);
  for (unsigned i = 0; i < 50; ++i) {
    threads.emplace_back([&tracemalloc, i] {
      Result last = Result::ok;
      for (std::uintptr_t turn = 0; last != Result::not_tracing; ++turn) {
        last = tracemalloc.track(i, turn % 100, turn);
        if (last == Result::ok) last = tracemalloc.untrack(i, turn % 100);
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  tracemalloc.stop();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tracemalloc.traced_memory(), (TracedMemory{0, 0}));
}

TEST(Tracemalloc, ManyThreadsMayUseRawWhileItTraces) {
  Gil gil;
  Memory memory(options_for(profile_named("3.13"), "pymalloc_debug"));
  Tracemalloc tracemalloc(memory, {.gil = &gil});
  tracemalloc.start();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&memory] {
      for (std::size_t size = 0; size < 300; ++size) {
        void* block = memory.malloc(Domain::raw, size);
        memory.free(Domain::raw, memory.realloc(Domain::raw, block, 2 * size));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tracemalloc.traced_memory().current_bytes, 0u);
  EXPECT_GE(tracemalloc.traced_memory().peak_bytes, 598u);
}

std::string after_data(const std::string& dump) { return dump.substr(dump.find("\n\n") + 2); }

TEST(Tracemalloc, TellsTheDebugDumpWhereABlockWasAllocated) {
  Traced traced("3.13", "pymalloc_debug");
  void* before = traced.memory.malloc(Domain::mem, 16);
  traced.tracemalloc.start(2);
  auto* block = bytes_of(traced.memory.malloc(Domain::mem, 16));
  traced.memory.free(Domain::raw, before);
  traced.memory.free(Domain::raw, block);
  ASSERT_EQ(traced.caught.all.size(), 2u);
  EXPECT_THAT(after_data(traced.caught.all[0].text), testing::StartsWith("Fatal Python error: "))
      << "the block is older than the tracing";
  EXPECT_THAT(after_data(traced.caught.all[1].text),
              testing::StartsWith("Memory block allocated at (most recent call first):\n"
                                  "  File \"app.py\", line 7\n"
                                  "  File \"main.py\", line 1\n"
                                  "\n"
                                  "Fatal Python error: "));
  traced.tracemalloc.stop();
  traced.memory.free(Domain::raw, block);
  EXPECT_THAT(after_data(traced.caught.all.back().text),
              testing::StartsWith("Enable tracemalloc to get the memory block allocation "
                                  "traceback\n\nFatal Python error: "));
  traced.memory.free(Domain::mem, block);
  traced.memory.free(Domain::mem, before);
}

}  // namespace
}  // namespace pymemlab
