// What a replay issues, how it lays out arenas, and that the loop keeps every byte on every target.
#include "core/replay/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <set>

#include "core/base/input_error.h"
#include "core/base/random.h"
#include "core/pymem/memory.h"
#include "core/replay/arena_source.h"
#include "core/replay/replay_feed.h"
#include "core/trace/trace_writer.h"

namespace pymemlab {
namespace {

using testing::ElementsAre;

Operation request(EventKind kind, Slot slot, std::uint64_t size, Domain domain = Domain::obj) {
  return {.kind = kind, .domain = domain, .slot = slot, .size = size};
}

class Translator : public testing::Test {
 protected:
  ReplayTranslator translator;
  std::optional<ReplayEvent> issue(const Operation& operation) {
    return translator.translate(operation);
  }
  [[nodiscard]] const ReplayCounts& counts() const { return translator.plan().counts; }
};

TEST_F(Translator, IssuesAllocationsAndFreesInTheirSlots) {
  const auto made = issue(request(EventKind::malloc, 3, 40));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->kind(), ReplayKind::malloc);
  EXPECT_EQ(made->domain(), Domain::obj);
  EXPECT_EQ(made->size(), 40u);
  EXPECT_EQ(made->slot(), 3u);
  EXPECT_EQ(issue(request(EventKind::free, 3, 0))->kind(), ReplayKind::free);
  EXPECT_EQ(counts().issued, 2u);
  EXPECT_EQ(translator.plan().slots, 4u);
}

TEST_F(Translator, SaysWhichBlocksHaveNoByteToTouch) {
  EXPECT_EQ(issue(request(EventKind::malloc, 0, 0))->kind(), ReplayKind::malloc_empty);
  EXPECT_EQ(issue({.kind = EventKind::calloc, .slot = 1, .count = 0, .size = 8})->kind(),
            ReplayKind::calloc_empty);
  EXPECT_EQ(issue(request(EventKind::realloc_null, 2, 0))->kind(), ReplayKind::realloc_null_empty);
}

TEST_F(Translator, PutsLargeSizesAndCallocPairsInSideWords) {
  const auto narrow = issue(request(EventKind::malloc, 0, 0xFFFFFF));
  EXPECT_EQ(narrow->kind(), ReplayKind::malloc);
  EXPECT_EQ(narrow->size(), 0xFFFFFFu);
  EXPECT_TRUE(translator.wide().empty());
  EXPECT_EQ(issue(request(EventKind::malloc, 1, 0x1000000))->kind(), ReplayKind::malloc_wide);
  EXPECT_THAT(translator.wide(), ElementsAre(0x1000000u));
  EXPECT_EQ(issue(request(EventKind::realloc, 1, 0x1000001))->kind(), ReplayKind::realloc_wide);
  EXPECT_EQ(issue({.kind = EventKind::calloc, .slot = 2, .count = 7, .size = 9})->kind(),
            ReplayKind::calloc_pair);
  EXPECT_THAT(translator.wide(), ElementsAre(7u, 9u));
  const auto one = issue({.kind = EventKind::calloc, .slot = 3, .count = 1, .size = 9});
  EXPECT_EQ(one->kind(), ReplayKind::calloc);
  EXPECT_EQ(one->size(), 9u);
}

TEST_F(Translator, LeavesOutWhatWouldBeUndefinedAndCountsIt) {
  (void)issue(request(EventKind::malloc, 0, 8));
  (void)issue(request(EventKind::free, 0, 0));
  EXPECT_FALSE(issue(request(EventKind::free, 0, 0))) << "a double free";
  EXPECT_FALSE(issue(request(EventKind::realloc, 0, 9))) << "realloc of a dead block";
  EXPECT_FALSE(issue(request(EventKind::free_unknown, kNoSlot, 0)));
  EXPECT_EQ(counts().dead_or_unknown, 3u);
  EXPECT_EQ(counts().issued, 2u);
}

TEST_F(Translator, LeavesOutFailuresAndConsequences) {
  Operation failed = request(EventKind::malloc, kNoSlot, 8);
  failed.failed = true;
  EXPECT_FALSE(issue(failed));
  Operation nested = request(EventKind::malloc, 0, 600, Domain::raw);
  nested.nested = true;
  EXPECT_FALSE(issue(nested));
  Operation freed = request(EventKind::free, 0, 0, Domain::raw);
  freed.nested = true;
  EXPECT_FALSE(issue(freed));
  EXPECT_EQ(counts().failed, 1u);
  EXPECT_EQ(counts().nested, 2u);
  EXPECT_EQ(counts().dead_or_unknown, 0u);
}

TEST_F(Translator, ReleasesInsideARequestWhatTheProgramAllocatedOutsideOne) {
  (void)issue(request(EventKind::malloc, 0, 8, Domain::raw));
  Operation freed = request(EventKind::free, 0, 0, Domain::raw);
  freed.nested = true;
  EXPECT_TRUE(issue(freed));
}

TEST_F(Translator, FreesInTheDomainThatAllocated) {
  (void)issue(request(EventKind::malloc, 0, 8, Domain::mem));
  EXPECT_EQ(issue(request(EventKind::free, 0, 0, Domain::obj))->domain(), Domain::mem);
  EXPECT_EQ(counts().wrong_domain, 1u);
}

TEST_F(Translator, TakesAReallocOfAnUnknownBlockForANewOne) {
  EXPECT_EQ(issue(request(EventKind::realloc_unknown, 0, 8))->kind(), ReplayKind::malloc);
  EXPECT_EQ(counts().unknown_reallocs, 1u);
}

TEST_F(Translator, FreeOfNullIsIssued) {
  EXPECT_EQ(issue(request(EventKind::free, kNoSlot, 0))->kind(), ReplayKind::free_null);
}

TEST_F(Translator, TheClockCountsNewBytesAndWhatReallocsAdd) {
  (void)issue(request(EventKind::malloc, 0, 100));
  (void)issue(request(EventKind::realloc, 0, 150));
  (void)issue(request(EventKind::realloc, 0, 20));
  (void)issue(request(EventKind::free, 0, 0));
  EXPECT_EQ(translator.plan().clock_bytes, 150u);
  EXPECT_EQ(translator.plan().peak_live_bytes, 150u);
  EXPECT_EQ(translator.plan().peak_live_event, 1u);
  EXPECT_EQ(translator.plan().peak_live_blocks, 1u);
}

TEST_F(Translator, KnowsWhereTeardownBegins) {
  (void)issue(request(EventKind::malloc, 0, 1));
  (void)issue({.kind = EventKind::mark, .slot = 1});
  (void)issue(request(EventKind::free, 0, 0));
  const std::vector<std::string> marks = {"warm", "teardown"};
  translator.finish(marks);
  EXPECT_EQ(translator.plan().teardown_event, 1u);
}

TEST(ReplayFeed, FillsWindowsOfAnySizeWithTheSameEvents) {
  const std::string path = testing::TempDir() + "/feed.pmtrace";
  {
    TraceWriter writer = TraceWriter::create(path, {.source = "test"});
    Random random(1);
    std::vector<Slot> live;
    for (int i = 0; i < 5000; ++i) {
      if (live.empty() || random.chance(2, 3)) {
        live.push_back(random.chance(1, 20) ? writer.calloc(Domain::mem, 3, random.below(100))
                                            : writer.malloc(Domain::obj, random.below(1u << 25)));
      } else {
        const std::size_t k = random.below(live.size());
        writer.free(Domain::obj, live[k]);
        live[k] = live.back();
        live.pop_back();
      }
    }
    writer.finish();
  }
  auto read = [&](std::size_t window) {
    ReplayFeed feed(TraceReader::open(path));
    std::vector<ReplayEvent> events(window);
    std::vector<std::uint64_t> wide(std::max<std::size_t>(window, 2));
    std::string all;
    while (true) {
      const ReplayFeed::Filled filled = feed.fill(events, wide);
      if (filled.events == 0) return all;
      all.append(reinterpret_cast<const char*>(events.data()), filled.events * sizeof(ReplayEvent));
    }
  };
  const std::string whole = read(100'000);
  EXPECT_EQ(whole.size(), 5000 * sizeof(ReplayEvent));
  EXPECT_EQ(read(1), whole);
  EXPECT_EQ(read(777), whole);
}

TEST(ArenaResidue, IsReadAndShownAsTheSameText) {
  for (const char* text : {"recorded", "aligned", "random:1", "random:18446744073709551615"}) {
    EXPECT_EQ(ArenaResidue::parse(text).text(), text);
  }
  for (const char* text : {"", "random", "random:", "random:x", "random:1x", "Aligned"}) {
    EXPECT_THROW((void)ArenaResidue::parse(text), InputError) << text;
  }
}

TEST(ArenaSource, LaysArenasAtTheRecordedResidues) {
  const std::vector<std::uint64_t> bases = {0x7f0000001000, 0x7f0000500000, 0x7f00001ff000};
  ArenaSource source({.policy = ArenaResidue::Policy::recorded}, bases);
  const ArenaRecord arenas = source.record();
  std::vector<void*> held;
  for (std::size_t k = 0; k < 5; ++k) {
    void* base = arenas.alloc(arenas.context, kMiB);
    ASSERT_NE(base, nullptr);
    const std::uint64_t recorded = bases[std::min<std::size_t>(k, 2)];
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(base) % kMiB, recorded % kMiB);
    EXPECT_EQ(ArenaSource::nominal_base(&source, 0), recorded);
    std::memset(base, 1, kMiB);
    held.push_back(base);
  }
  EXPECT_EQ(source.mapped_bytes(), 5 * kMiB);
  for (void* base : held) arenas.free(arenas.context, base, kMiB);
  EXPECT_EQ(source.mapped_bytes(), 0u);
  EXPECT_EQ(source.requests(), 5u);
}

TEST(ArenaSource, NeverUsesAnAddressTwice) {
  ArenaSource source({.policy = ArenaResidue::Policy::random, .seed = 3}, {});
  const ArenaRecord arenas = source.record();
  std::set<void*> seen;
  for (int i = 0; i < 1000; ++i) {
    void* base = arenas.alloc(arenas.context, 256 * kKiB);
    EXPECT_TRUE(seen.insert(base).second);
    arenas.free(arenas.context, base, 256 * kKiB);
  }
}

// Every configuration under the same random stream: the loop neither loses nor refuses anything.
TEST(Replay, RunsTheSameStreamOnEveryConfiguration) {
  Random random(7);
  std::vector<ReplayEvent> events;
  std::vector<std::uint32_t> live;
  std::uint32_t slots = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto domain = static_cast<Domain>(random.below(3));
    const auto size = static_cast<std::uint32_t>(random.below(1500));
    if (live.empty() || random.chance(3, 5)) {
      const ReplayKind kind = size == 0 ? ReplayKind::malloc_empty : ReplayKind::malloc;
      events.emplace_back(kind, domain, size, slots);
      live.push_back(slots++);
    } else {
      const std::size_t k = random.below(live.size());
      events.emplace_back(ReplayKind::free, Domain::raw, 0, live[k]);
      live[k] = live.back();
      live.pop_back();
    }
  }
  // Frees name the domain of their block.
  std::vector<Domain> domain_of(slots);
  for (ReplayEvent& e : events) {
    if (e.kind() != ReplayKind::free) {
      domain_of[e.slot()] = e.domain();
    } else {
      e = ReplayEvent(ReplayKind::free, domain_of[e.slot()], 0, e.slot());
    }
  }
  for (const Configuration& configuration : configurations()) {
    Memory memory({.profile = &profile_named("3.11"), .configuration = &configuration});
    DomainTable domains;
    for (std::size_t d = 0; d < kDomains; ++d)
      domains[d].api = memory.record(static_cast<Domain>(d));
    std::vector<void*> blocks(slots);
    std::vector<std::uint64_t> sizes(slots);
    EXPECT_EQ(replay<Touch::first>(events, nullptr, blocks, {}, domains), 0u) << configuration.name;
    std::vector<ReplayEvent> rest;
    for (std::uint32_t slot : live) rest.emplace_back(ReplayKind::free, domain_of[slot], 0, slot);
    EXPECT_EQ(replay<Touch::all>(rest, nullptr, blocks, sizes, domains), 0u);
    EXPECT_EQ(memory.allocated_blocks(), 0) << configuration.name;
  }
}

}  // namespace
}  // namespace pymemlab
