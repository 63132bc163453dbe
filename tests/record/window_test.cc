// A limit on the size of a trace: what is kept stands by itself, and is the newest part.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "core/base/input_error.h"
#include "core/record/trace_output.h"
#include "core/trace/edits/trace_edits.h"
#include "tests/interpreters.h"
#include "tests/record/recording.h"

namespace pymemlab {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;
using testing::Not;

constexpr std::uint64_t kMost = 1u << 20;

// Requests that no compression can foresee, in a set of so many blocks, to the end of the trace.
void make_events(TraceOutput& output, std::uint64_t events, std::size_t blocks) {
  std::vector<Slot> live;
  std::uint64_t state = 7;
  const auto random = [&state] { return (state = state * 6364136223846793005u + 1) >> 33; };
  for (std::uint64_t i = 0; i < events; ++i) {
    const std::uint64_t address = 0x10000 + 64 * (random() % (1u << 30));
    if (i % 10'000 == 0) {
      output.append({.kind = EventKind::arena_alloc, .size = 1 << 20, .address = address});
      output.mark(fmt::format("at {}", i));
    }
    if (live.size() < blocks) {
      live.push_back(output.append({.kind = i % 3 == 0 ? EventKind::calloc : EventKind::malloc,
                                    .domain = i % 2 == 0 ? Domain::obj : Domain::raw,
                                    .nested = i % 5 == 0,
                                    .size = random() % 3000,
                                    .address = address}));
    } else if (i % 7 == 0) {
      output.append({.kind = EventKind::realloc,
                     .domain = Domain::mem,
                     .slot = live[random() % live.size()],
                     .size = random() % 5000,
                     .address = address});
    } else {
      Slot& slot = live[random() % live.size()];
      output.append({.kind = EventKind::free, .domain = output.domain_of(slot), .slot = slot});
      slot = live.back();
      live.pop_back();
    }
    if (i % 500 == 0) output.limit_size();
  }
  output.finish();
}

// What the blocks that are live at the end were asked for and got, sorted.
std::vector<std::string> live_at_end(const std::string& path) {
  std::map<Slot, std::string> live;
  TraceReader reader = TraceReader::open(path, {.addresses = true});
  EventBatch batch;
  Operation operation;
  while (reader.next(batch)) {
    for (OperationCursor cursor(batch); cursor.next(operation);) {
      if (takes_new_slot(operation.kind) || operation.kind == EventKind::realloc) {
        live[operation.slot] = fmt::format("{} {} at {:x}", name(operation.domain),
                                           operation.bytes(), operation.address);
      } else if (operation.kind == EventKind::free) {
        live.erase(operation.slot);
      }
    }
  }
  std::vector<std::string> all;
  for (const auto& [slot, text] : live) all.push_back(text);
  std::sort(all.begin(), all.end());
  return all;
}

std::string digest_of(const std::string& path) {
  TraceReader reader = TraceReader::open(path);
  EventBatch batch;
  while (reader.next(batch)) {
  }
  return reader.digest();
}

class RecordWindow : public RecordTest {
 protected:
  // The same events with a limit on their size and, in "whole", without.
  void keep(std::uint64_t max_bytes, std::uint64_t events) const {
    TraceOutput whole(in_folder("whole"), {}, {.addresses = true}, 0);
    make_events(whole, events, 3000);
    TraceOutput kept(trace(), {}, {.addresses = true}, max_bytes);
    make_events(kept, events, 3000);
  }
};

TEST_F(RecordWindow, HoldsTheNewestEventsAndAllThatIsLive) {
  constexpr std::uint64_t kEvents = 600'000;
  keep(kMost, kEvents);
  ASSERT_GT(std::filesystem::file_size(in_folder("whole")), 2 * kMost);
  EXPECT_THAT(std::filesystem::file_size(trace()), AllOf(Ge(kMost / 2), Le(kMost)));
  EXPECT_EQ(live_at_end(trace()), live_at_end(in_folder("whole")));
  const TraceFacts facts = this->facts();
  EXPECT_EQ(facts.damage, std::nullopt);
  EXPECT_EQ(facts.unknown, 0u);
  EXPECT_TRUE(is_part(facts.metadata));
  EXPECT_EQ(facts.marks.front(), "the kept window starts");
  EXPECT_EQ(facts.marks.back(), fmt::format("at {}", kEvents - 10'000));
  EXPECT_THAT(facts.marks, Not(Contains("at 0")));
  EXPECT_FALSE(std::filesystem::exists(trace() + ".newest"));
}

// Also if it took two parts, which are joined again.
TEST_F(RecordWindow, IsTheWholeTraceIfThatFits) {
  keep(std::uint64_t{1} << 30, 150'000);
  const std::uint64_t bytes = std::filesystem::file_size(trace());
  EXPECT_EQ(digest_of(trace()), digest_of(in_folder("whole")));
  keep(bytes + bytes / 3, 150'000);
  EXPECT_EQ(digest_of(trace()), digest_of(in_folder("whole")));
  EXPECT_FALSE(is_part(facts().metadata));
}

TEST_F(RecordWindow, LeavesTwoReadableHalvesIfTheyAreNotJoined) {
  std::filesystem::create_directory(trace() + ".joined");
  TraceOutput kept(trace(), {}, {.addresses = true}, kMost);
  EXPECT_THROW(make_events(kept, 600'000, 3000), InputError);
  for (const std::string& half : {trace(), trace() + ".newest"}) {
    const TraceFacts facts = read_facts(half);
    EXPECT_EQ(facts.damage, std::nullopt);
    EXPECT_EQ(facts.unknown, 0u);
    EXPECT_TRUE(is_part(facts.metadata));
    EXPECT_EQ(facts.marks.front(), "the kept window starts");
  }
}

TEST_F(RecordWindow, SaysWhatItNeedsIfTooMuchIsLive) {
  TraceOutput kept(trace(), {}, {.addresses = true}, kMost);
  try {
    make_events(kept, 800'000, 200'000);
    ADD_FAILURE();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("blocks that are live need a --max-size of"));
  }
  EXPECT_GT(facts().events, 10'000u);
}

TEST_F(RecordWindow, IsKeptOfARecordedProgramAndReplays) {
  if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  write_file("script.py", R"py(
import random
first = bytearray(1110000)
kept = {}
for i in range(400000):
    kept[int(random.random() * 5000)] = bytes(int(random.random() * 2000))
    if i == 10: del first
last = bytearray(2220000)
)py");
  for (const Interpreter& python : {interpreters().front(), interpreters().back()}) {
    SCOPED_TRACE(python.version);
    const CommandResult result = run({pymemlab(), "record", "--max-size", "1MiB", "-o", trace(),
                                      "--", python.path, in_folder("script.py")});
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_LE(std::filesystem::file_size(trace()), kMost);
    const TraceFacts facts = this->facts();
    EXPECT_EQ(facts.damage, std::nullopt);
    EXPECT_EQ(facts.unknown, 0u);
    EXPECT_EQ(facts.overlaps, 0u);
    EXPECT_THAT(facts.sizes, Not(about(1110000)));
    EXPECT_THAT(facts.sizes, about(2220000));
    EXPECT_EQ(facts.metadata.python->version, python.version);
    const CommandResult replayed =
        run({pymemlab(), "replay", trace(), "--rounds", "1", "--allow-debug-build", "-c",
             "pymalloc", "-o", in_folder("results.json")});
    EXPECT_EQ(replayed.status, 0) << replayed.err;
    EXPECT_THAT(replayed.err, HasSubstr("part of a recording"));
    EXPECT_EQ(run({pymemlab(), "verify", trace()}).status, 2);
  }
}

TEST_F(RecordWindow, RefusesSizesThatAreNone) {
  for (const char* size : {"0", "12", "much", "-5MiB"}) {
    const CommandResult result =
        run({pymemlab(), "record", "--max-size", size, "-o", trace(), "--", "true"});
    EXPECT_EQ(result.status, 2) << size;
    EXPECT_THAT(result.err, HasSubstr("--max-size")) << size;
  }
  EXPECT_THAT(
      run({pymemlab(), "record", "--max-size", "9MiB", "--all-processes", "--", "true"}).err,
      HasSubstr("leave --max-size or --all-processes away"));
}

}  // namespace
}  // namespace pymemlab
