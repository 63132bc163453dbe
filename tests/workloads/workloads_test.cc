// Every workload is deterministic, valid, about as long as asked, and does what its row says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/input_error.h"
#include "core/pymem/memory.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"
#include "workloads/workload.h"

namespace pymemlab {
namespace {

struct Stream {
  std::vector<Operation> operations;
  std::size_t teardown = 0;  // operations before the mark
  std::string digest;
};

Stream generate(std::string_view name, std::uint64_t events, std::uint64_t seed = 1) {
  const std::string path =
      testing::TempDir() + "workload-" + std::to_string(::getpid()) + ".pmtrace";
  {
    TraceWriter writer = TraceWriter::create(path, {});
    workload_named(name).generate({.events = events, .seed = seed}, writer);
    writer.finish();
  }
  Stream stream;
  TraceReader reader = TraceReader::open(path);
  EventBatch batch;
  while (reader.next(batch)) {
    OperationCursor cursor(batch);
    Operation operation;
    while (cursor.next(operation)) {
      if (operation.kind == EventKind::mark) stream.teardown = stream.operations.size();
      stream.operations.push_back(operation);
    }
  }
  EXPECT_EQ(reader.damage(), std::nullopt);
  EXPECT_THAT(reader.marks(), testing::ElementsAre("teardown"));
  stream.digest = reader.digest();
  std::filesystem::remove(path);
  return stream;
}

// The number of live blocks after each operation.
std::vector<std::int64_t> live_blocks(const Stream& stream) {
  std::vector<std::int64_t> live;
  std::int64_t now = 0;
  for (const Operation& operation : stream.operations) {
    if (takes_new_slot(operation.kind)) ++now;
    if (operation.kind == EventKind::free) --now;
    live.push_back(now);
  }
  return live;
}

// How many allocations each block that is freed before the teardown lived.
std::vector<std::uint64_t> lifetimes(const Stream& stream) {
  std::map<Slot, std::uint64_t> born;
  std::vector<std::uint64_t> lives;
  std::uint64_t allocations = 0;
  for (std::size_t i = 0; i < stream.teardown; ++i) {
    const Operation& operation = stream.operations[i];
    if (takes_new_slot(operation.kind)) born[operation.slot] = allocations++;
    if (operation.kind == EventKind::free) lives.push_back(allocations - born[operation.slot]);
  }
  return lives;
}

class EveryWorkload : public testing::TestWithParam<std::string_view> {};

INSTANTIATE_TEST_SUITE_P(Workloads, EveryWorkload, testing::ValuesIn([] {
                           std::vector<std::string_view> names;
                           for (const Workload& row : workloads()) names.push_back(row.name);
                           return names;
                         }()),
                         [](const testing::TestParamInfo<std::string_view>& row) {
                           std::string name(row.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(EveryWorkload, GivesEqualTracesForEqualSeedsAndOthersForOthers) {
  const Stream first = generate(GetParam(), 30'000, 7);
  EXPECT_EQ(generate(GetParam(), 30'000, 7).digest, first.digest);
  EXPECT_NE(generate(GetParam(), 30'000, 8).digest, first.digest);
}

TEST_P(EveryWorkload, WritesAboutAsManyEventsAsAskedFor) {
  for (const std::uint64_t events : {std::uint64_t{20'000}, std::uint64_t{200'000}}) {
    const std::uint64_t written = generate(GetParam(), events).operations.size();
    EXPECT_GE(written, events);
    EXPECT_LE(written, events + events / 10);
  }
}

TEST_P(EveryWorkload, AlsoWorksForHardlyAnyEvents) {
  for (const std::uint64_t events : {0, 1, 2, 10, 100}) {
    EXPECT_LE(generate(GetParam(), events).operations.size(), 2000u) << events;
  }
}

TEST_P(EveryWorkload, NamesLiveBlocksOnlyAndFreesThemAll) {
  std::map<Slot, Domain> live;
  const Stream stream = generate(GetParam(), 50'000);
  for (std::size_t i = 0; i < stream.operations.size(); ++i) {
    const Operation& operation = stream.operations[i];
    ASSERT_FALSE(operation.failed || operation.nested);
    if (operation.kind == EventKind::mark) continue;
    if (takes_new_slot(operation.kind)) {
      ASSERT_TRUE(live.emplace(operation.slot, operation.domain).second) << "operation " << i;
      continue;
    }
    ASSERT_TRUE(operation.kind == EventKind::realloc || operation.kind == EventKind::free);
    const auto block = live.find(operation.slot);
    ASSERT_NE(block, live.end()) << "operation " << i << " names a dead block";
    ASSERT_EQ(block->second, operation.domain) << "operation " << i;
    if (operation.kind == EventKind::free) live.erase(block);
  }
  EXPECT_TRUE(live.empty());
}

TEST_P(EveryWorkload, OnlyFreesAfterTheTeardownMark) {
  const Stream stream = generate(GetParam(), 50'000);
  ASSERT_GT(stream.teardown, 0u);
  for (std::size_t i = stream.teardown + 1; i < stream.operations.size(); ++i) {
    ASSERT_EQ(stream.operations[i].kind, EventKind::free) << "operation " << i;
  }
}

TEST(WorkloadTable, RefusesANameItDoesNotHaveAndListsThoseItHas) {
  try {
    (void)workload_named("churn");
    FAIL() << "no exception";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("'churn'"));
    EXPECT_THAT(error.what(), testing::HasSubstr("object-churn"));
  }
}

TEST(RandomNoise, HoldsOneBufferAtATimeWithAFloatForEachOfItsDoubles) {
  Operation buffer{};  // slot: kNoSlot while there is none
  std::uint64_t floats = 0;
  std::uint64_t buffers = 0;
  for (const Operation& operation : generate("random-noise", 50'000).operations) {
    if (operation.kind == EventKind::malloc && operation.domain == Domain::mem) {
      ASSERT_EQ(buffer.slot, kNoSlot) << "two buffers at a time";
      buffer = operation;
      floats = 0;
      ++buffers;
    }
    if (operation.kind == EventKind::malloc && operation.domain == Domain::obj) {
      floats += operation.size == 24 ? 1 : 0;
    }
    if (operation.kind == EventKind::free && operation.slot == buffer.slot) {
      EXPECT_EQ(floats, 2 * buffer.size / sizeof(double));  // drawn once, listed once
      buffer.slot = kNoSlot;
    }
  }
  EXPECT_GT(buffers, 10u);
}

TEST(SomeMemory, TiesABufferToItsOwnerAndResizesItAcrossTheSmallLimit) {
  const Stream stream = generate("some-memory", 50'000);
  std::uint64_t crossings = 0;
  std::map<Slot, std::uint64_t> sizes;
  for (std::size_t i = 0; i < stream.operations.size(); ++i) {
    const Operation& operation = stream.operations[i];
    if (operation.domain == Domain::obj && operation.kind == EventKind::malloc) {
      EXPECT_EQ(stream.operations.at(i + 1).kind, EventKind::malloc);
      EXPECT_EQ(stream.operations.at(i + 1).domain, Domain::mem);
    }
    if (operation.domain == Domain::obj && operation.kind == EventKind::free) {
      EXPECT_EQ(stream.operations.at(i - 1).kind, EventKind::free);
      EXPECT_EQ(stream.operations.at(i - 1).domain, Domain::mem);
    }
    if (operation.kind == EventKind::realloc) {
      crossings += (sizes[operation.slot] <= 512) != (operation.size <= 512) ? 1 : 0;
    }
    if (operation.kind != EventKind::free) sizes[operation.slot] = operation.size;
  }
  EXPECT_GT(crossings, 1000u);
}

TEST(ObjectChurn, KeepsItsPopulationWhileMostObjectsDieYoung) {
  const Stream stream = generate("object-churn", 100'000);
  const std::vector<std::int64_t> live = live_blocks(stream);
  for (std::size_t i = 15'000; i < stream.teardown; ++i) {
    ASSERT_GE(live[i], 12'499);
    ASSERT_LE(live[i], 12'501);
  }
  const std::vector<std::uint64_t> lives = lifetimes(stream);
  const auto young =
      std::count_if(lives.begin(), lives.end(), [](auto life) { return life < 512; });
  EXPECT_GT(static_cast<double>(young), 0.8 * static_cast<double>(lives.size()));
}

TEST(GrowingDict, ReplacesTheTableByOneOfTwiceTheSizeEachTimeItIsFull) {
  // Sizes of CPython 3.11's tables of 8, 16, 32, ... places, as sys.getsizeof shows them.
  constexpr std::array<std::uint64_t, 10> kTables = {160,  288,  568,   1104,  2200,
                                                     4624, 9240, 18448, 36888, 73744};
  std::vector<std::uint64_t> first_index;
  for (const Operation& operation : generate("growing-dict", 60'000).operations) {
    const bool table = operation.kind == EventKind::malloc && operation.size >= 160;
    if (table && (first_index.empty() || operation.size > first_index.back())) {
      first_index.push_back(operation.size);
    }
  }
  EXPECT_THAT(first_index,
              testing::ElementsAreArray(kTables.begin(), kTables.begin() + first_index.size()));
  EXPECT_GE(first_index.size(), 8u);
}

TEST(Phases, DrainToAFewSurvivorsThatPinMostArenas) {
  const Stream stream = generate("phases", 300'000);
  const std::vector<std::int64_t> live = live_blocks(stream);
  const std::int64_t peak = *std::max_element(live.begin(), live.end());
  int drains = 0;
  bool high = false;
  for (std::size_t i = 0; i < stream.teardown; ++i) {
    if (live[i] > peak * 9 / 10) high = true;
    if (high && live[i] < peak / 15) {
      ++drains;
      high = false;
      EXPECT_GT(live[i], 0);
    }
  }
  EXPECT_GE(drains, 3);
}

TEST(BatchServer, KeepsItsCacheWhileRequestsComeAndGo) {
  const Stream stream = generate("batch-server", 200'000);
  const std::vector<std::int64_t> live = live_blocks(stream);
  constexpr std::int64_t kCacheBlocks = 2 * 200'000 / 200;
  for (std::size_t i = 2 * kCacheBlocks; i < stream.teardown; ++i) {
    ASSERT_GE(live[i], kCacheBlocks - 2);
    ASSERT_LE(live[i], kCacheBlocks + 8 * 402);
  }
}

TEST(SizeClassSweep, AsksForEverySizeUpAndThenDown) {
  std::vector<std::uint64_t> steps;
  for (const Operation& operation : generate("size-class-sweep", 100'000).operations) {
    if (operation.kind != EventKind::malloc) continue;
    if (steps.empty() || steps.back() != operation.size) steps.push_back(operation.size);
  }
  std::vector<std::uint64_t> expected;
  for (std::uint64_t bytes = 8; bytes <= 512; bytes += 8) expected.push_back(bytes);
  for (std::uint64_t bytes = 504; bytes >= 8; bytes -= 8) expected.push_back(bytes);
  ASSERT_GE(steps.size(), expected.size());
  steps.resize(expected.size());
  EXPECT_EQ(steps, expected);
}

TEST(ArenaBoundaryThrash, HoversAboveTheBoundary) {
  const Stream stream = generate("arena-boundary-thrash", 50'000);
  const std::vector<std::int64_t> live = live_blocks(stream);
  std::int64_t highest = 0;
  std::uint64_t returns = 0;
  for (std::size_t i = 3584; i < stream.teardown; ++i) {
    ASSERT_GE(live[i], 3584);
    ASSERT_LE(live[i], 3584 + 64);
    highest = std::max(highest, live[i]);
    returns += live[i] == 3584 ? 1 : 0;
  }
  EXPECT_EQ(highest, 3584 + 64);
  EXPECT_GT(returns, 500u);
}

std::size_t arenas_mapped(const Stream& stream, std::string_view profile,
                          std::string_view configuration) {
  const Profile& version = profile_named(profile);
  MemoryOptions options;
  options.profile = &version;
  options.configuration = &configuration_for(configuration, version);
  Memory memory(options);
  std::map<Slot, void*> live;
  for (const Operation& operation : stream.operations) {
    if (operation.kind == EventKind::malloc) {
      live[operation.slot] = memory.malloc(operation.domain, operation.size);
    } else if (operation.kind == EventKind::free) {
      memory.free(operation.domain, live[operation.slot]);
    }
  }
  return memory.heap()->statistics().arenas_total;
}

TEST(ArenaBoundaryThrash, MapsAnArenaEachSwingUpTo38AndNoneFrom39) {
  const Stream stream = generate("arena-boundary-thrash", 50'000);
  const auto level = live_blocks(stream);
  const auto swings = static_cast<std::size_t>(std::count(
      level.begin() + 3584, level.begin() + static_cast<std::ptrdiff_t>(stream.teardown), 3584));
  EXPECT_EQ(arenas_mapped(stream, "3.8", "pymalloc"), 7 + swings);
  EXPECT_EQ(arenas_mapped(stream, "3.9", "pymalloc"), 7 + 1u);
  EXPECT_EQ(arenas_mapped(stream, "3.8", "pymalloc_debug"), 8 + swings);
  EXPECT_EQ(arenas_mapped(stream, "3.7", "pymalloc_debug"), 8 + swings);
  EXPECT_EQ(arenas_mapped(stream, "3.9", "pymalloc_debug"), 8 + 1u);
}

}  // namespace
}  // namespace pymemlab
