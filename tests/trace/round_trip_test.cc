// What is written is read back, however it was chunked, compressed or reached.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/input_error.h"
#include "core/trace/event_coding.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using testing::bytes_of;
using testing::expected;
using testing::random_stream;
using testing::read_all;
using testing::ReadBack;
using testing::scratch;
using testing::Stream;
using testing::write_stream;

void expect_same(const Stream& stream, const std::string& path, bool addresses) {
  const ReadBack back = read_all(path, {.addresses = addresses});
  const std::vector<Operation> wanted = expected(stream, addresses);
  ASSERT_EQ(back.operations.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i)
    ASSERT_TRUE(back.operations[i] == wanted[i])
        << "event " << i << ", a " << name(wanted[i].kind) << ", slot " << wanted[i].slot
        << " read as " << back.operations[i].slot;
  EXPECT_EQ(back.marks, stream.marks);
  EXPECT_EQ(back.slots, stream.slots);
  EXPECT_EQ(back.damage, std::nullopt);
}

TEST(TraceRoundTrip, ReturnsEveryRandomStreamInEveryChunking) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Stream stream = random_stream({.events = 3000, .seed = seed, .live_about = 40 * seed});
    std::string digest;
    for (const std::uint32_t chunk_events : {1u, 7u, 256u, 5000u}) {
      SCOPED_TRACE("chunks of " + std::to_string(chunk_events));
      if (chunk_events == 1 && seed > 2) continue;
      const bool addresses = (seed + chunk_events) % 2 == 0;
      const std::string path = scratch("round.pmtrace");
      write_stream(stream, path,
                   {.addresses = addresses,
                    .compression_level = 1,
                    .chunk_events = chunk_events,
                    .key_chunks = 1 + static_cast<std::uint32_t>(seed % 3)});
      expect_same(stream, path, addresses);
      const std::string found = read_all(path).digest;
      EXPECT_TRUE(digest.empty() || found == digest);
      digest = found;
    }
  }
}

// A hundred blocks around the oldest age that has a name, and such that the ring has wrapped.
TEST(TraceRoundTrip, NamesBlocksThatAreOlderThanTheRingBySlot) {
  for (const std::uint32_t churn : {kMaxAge - 50, 2 * kMaxAge + 1000}) {
    TraceWriter writer = TraceWriter::create(scratch("old.pmtrace"), {}, {.key_chunks = 2});
    for (int i = 0; i < 100; ++i) writer.malloc(Domain::obj, 64);
    for (std::uint32_t i = 0; i < churn; ++i)
      writer.free(Domain::obj, writer.malloc(Domain::obj, 32));
    for (Slot slot = 0; slot < 100; ++slot) writer.free(Domain::obj, 99 - slot);
    writer.finish();
    const ReadBack back = read_all(scratch("old.pmtrace"));
    ASSERT_EQ(back.operations.size(), 200 + 2 * std::size_t{churn});
    for (Slot i = 0; i < 100; ++i) {
      const Operation& last = back.operations[back.operations.size() - 100 + i];
      EXPECT_EQ(last.kind, EventKind::free);
      EXPECT_EQ(last.slot, 99 - i);
    }
    EXPECT_EQ(back.slots, 101u);
    const ReadBack end = read_all(scratch("old.pmtrace"), {.start_at = back.operations.size()});
    EXPECT_LT(end.operations.size(), back.operations.size()) << "behind a key chunk";
    EXPECT_TRUE(
        std::equal(end.operations.rbegin(), end.operations.rend(), back.operations.rbegin()));
  }
}

TEST(TraceRoundTrip, KeepsTheAddressesOfABlockThatIsFreedTwice) {
  const std::string path = scratch("twice.pmtrace");
  TraceWriter writer = TraceWriter::create(path, {}, {.addresses = true});
  const auto allocate = [&](std::uint64_t address) {
    return writer.append({.domain = Domain::obj, .size = 32, .address = address});
  };
  const Slot first = allocate(4096);
  writer.free(Domain::obj, first);
  writer.free(Domain::obj, first);
  EXPECT_EQ(allocate(4096), first);
  EXPECT_EQ(allocate(4128), first + 1);
  writer.finish();
  const ReadBack back = read_all(path, {.addresses = true});
  EXPECT_EQ(back.operations[3].address, 4096u);
  EXPECT_EQ(back.operations[4].address, 4128u);
}

// A recorder that writes a chunk a second may write one in which nothing is allocated.
TEST(TraceRoundTrip, KeepsTheAddressesBehindAChunkOfFreesAlone) {
  const std::string path = scratch("frees.pmtrace");
  TraceWriter writer = TraceWriter::create(path, {}, {.addresses = true});
  const auto allocate = [&writer](std::uint64_t address) {
    return writer.append({.domain = Domain::obj, .size = 72, .address = address});
  };
  std::vector<Slot> slots;
  for (std::uint64_t i = 0; i < 20; ++i) slots.push_back(allocate(0x10000 + 0x1000 * i));
  writer.free(Domain::obj, slots[3]);
  writer.flush_chunk();
  for (const std::size_t i : {5u, 9u, 2u}) writer.free(Domain::obj, slots[i]);
  writer.flush_chunk();
  const std::vector<std::uint64_t> again = {0x12000, 0x19000, 0x15000, 0x13000};
  for (const std::uint64_t address : again) (void)allocate(address);
  writer.finish();

  const ReadBack back = read_all(path, {.addresses = true});
  ASSERT_EQ(back.operations.size(), 28u);
  for (std::size_t i = 0; i < again.size(); ++i) {
    EXPECT_EQ(back.operations[24 + i].address, again[i]) << i;
  }
}

TEST(TraceRoundTrip, StartsAtAKeyChunkWithTheLiveSet) {
  const Stream stream = random_stream({.events = 40'000, .seed = 5, .live_about = 20});
  const std::string path = scratch("keys.pmtrace");
  write_stream(stream, path, {.addresses = true, .chunk_events = 1000, .key_chunks = 4});
  const std::vector<Operation> all = expected(stream, true);
  bool started_late = false;
  for (const std::uint64_t event : {0u, 5000u, 20'000u, 39'999u}) {
    SCOPED_TRACE(event);
    TraceReader reader = TraceReader::open(path, {.addresses = true, .start_at = event});
    EventBatch batch;
    ASSERT_TRUE(reader.next(batch));
    const std::uint64_t first = batch.first;
    ASSERT_LE(first, event);
    started_late |= first > 0;
    std::vector<LiveBlock> live;
    for (std::uint64_t i = 0; i < first; ++i) {
      const Operation& o = all[i];
      const auto block = std::find_if(live.begin(), live.end(),
                                      [&](const LiveBlock& b) { return b.slot == o.slot; });
      if (takes_new_slot(o.kind) && !o.failed) {
        live.push_back({o.slot, o.domain, o.bytes(), o.address});
      } else if (o.kind == EventKind::free && block != live.end()) {
        live.erase(block);
      } else if (o.kind == EventKind::realloc && !o.failed && block != live.end()) {
        const bool known = block->address != 0;
        *block = {o.slot, o.domain, o.bytes(), known ? o.address : 0};
      }
    }
    EXPECT_EQ(reader.initial_blocks(), live);
    Operation operation;
    std::uint64_t number = first;
    do {
      OperationCursor cursor(batch);
      for (; cursor.next(operation); ++number)
        ASSERT_TRUE(operation == all[number]) << "event " << number;
    } while (reader.next(batch));
    EXPECT_EQ(number, all.size());
    EXPECT_EQ(reader.marks(), stream.marks);
  }
  EXPECT_TRUE(started_late);
}

TEST(TraceRoundTrip, KeepsAnEmptyTrace) {
  const std::string path = scratch("empty.pmtrace");
  write_stream({}, path);
  const ReadBack back = read_all(path);
  EXPECT_TRUE(back.operations.empty());
  EXPECT_EQ(back.damage, std::nullopt);
}

TEST(TraceRoundTrip, GivesTheFinalMetadataPrecedenceOverTheHead) {
  const std::string path = scratch("metadata.pmtrace");
  TraceMetadata metadata{.source = "record", .command = {"python3", "app.py"}, .pid = 7};
  metadata.extra["weather"] = "fine";
  TraceWriter writer = TraceWriter::create(path, metadata);
  writer.malloc(Domain::obj, 1);
  metadata.python = PythonFacts{.version = "3.11.2", .alignment = 16, .arena_bytes = 1u << 20};
  metadata.parent = 3;
  metadata.pythonmalloc = "debug";
  metadata.unknown = {"threads"};
  writer.metadata() = metadata;
  writer.finish();
  EXPECT_EQ(read_all(path).metadata, metadata);
}

TEST(TraceRoundTrip, ReplacesWhatStoodAtThePath) {
  const std::string path = scratch("replaced.pmtrace");
  write_stream(random_stream({.events = 5000}), path);
  const Stream shorter = random_stream({.events = 10});
  write_stream(shorter, path);
  expect_same(shorter, path, false);
}

TEST(TraceRoundTrip, LeavesWholeChunksBehindWithoutFinish) {
  const std::string path = scratch("unfinished.pmtrace");
  {
    TraceWriter writer = TraceWriter::create(path, {}, {.chunk_events = 10});
    for (int i = 0; i < 25; ++i) writer.malloc(Domain::obj, 8);
  }
  const ReadBack back = read_all(path);
  EXPECT_EQ(back.operations.size(), 20u);
  ASSERT_TRUE(back.damage);
  EXPECT_NE(back.damage->find("never finished"), std::string::npos) << *back.damage;
}

TEST(TraceRoundTrip, SaysThatTheDiskIsFull) {
  TraceWriterOptions options{.chunk_events = 1000};
  EXPECT_THROW(
      {
        TraceWriter writer = TraceWriter::create("/dev/full", {}, options);
        writer.finish();
      },
      InputError);
}

TEST(TraceRoundTrip, ShortensWhatNeighboursDo) {
  const Stream stream = random_stream({.events = 50'000, .live_about = 300, .oddities = false});
  const std::string path = scratch("size.pmtrace");
  write_stream(stream, path);
  EXPECT_LT(bytes_of(path).size(), 100'000u);
}

}  // namespace
}  // namespace pymemlab
