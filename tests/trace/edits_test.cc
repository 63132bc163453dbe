// Traces made from traces: slices, threads, nothing personal, against a slow, obvious account.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/base/input_error.h"
#include "core/base/random.h"
#include "core/trace/edits/trace_edits.h"
#include "core/trace/summary.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::random_stream;
using testing::read_all;
using testing::ReadBack;
using testing::scratch;
using testing::Stream;

// A trace of the text format's lines, as a file.
std::string trace_of(const std::string& lines, const std::string& name = "lines.pmtrace") {
  const std::string text = "pymemlab-trace-text 1\nmeta {\"columns\":[\"address\"]}\n" + lines;
  testing::write_bytes(scratch("lines.txt"), {text.begin(), text.end()});
  trace_format_named("text").import_file(scratch("lines.txt"), scratch(name), {.addresses = true});
  return scratch(name);
}

// What becomes of it, as the text format's lines.
struct Edited {
  std::string lines;
  ConversionReport report;
  TraceMetadata metadata;
};
Edited edited(const std::string& from, const TraceEdits& edits) {
  Edited result;
  result.report = edit_trace(from, scratch("edited.pmtrace"), edits, {.addresses = true});
  result.metadata = read_all(scratch("edited.pmtrace")).metadata;
  trace_format_named("text").export_file(scratch("edited.pmtrace"), scratch("edited.txt"));
  const std::vector<std::uint8_t> bytes = testing::bytes_of(scratch("edited.txt"));
  std::string text(bytes.begin(), bytes.end());
  for (const char* const head : {"pymemlab-trace-text", "meta "})
    if (text.rfind(head, 0) == 0) text.erase(0, text.find('\n') + 1);
  result.lines = text;
  return result;
}
std::string refusal_of(const std::string& from, const TraceEdits& edits) {
  try {
    edited(from, edits);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Slice, AsksFirstForWhatIsLiveAsItWasAskedForLast) {
  const std::string trace = trace_of(
      "m obj 24 @0x10\n"
      "c mem 3 8 @0x40\n"
      "m raw 100 @0x80\n"
      "c raw 2 50 @0x100\n"
      "thread 1\n"
      "r mem 1 77 @0x200\n"
      "f raw 2\n"
      "m obj 5 @0x80\n"
      "f obj 2\n"
      "f obj 0\n"
      "f raw 3\n");
  const Edited slice = edited(trace, {.slice = EventRange{8, 10}});
  EXPECT_EQ(slice.lines,
            "m obj 24 =0 @0x10\n"
            "m mem 77 =1 @0x200\n"
            "c raw 2 50 =2 @0x100\n"
            "thread 1\n"
            "m obj 5 =3 @0x80\n"
            "mark \"slice starts at event 8\"\n"
            "f obj 3\n"
            "f obj 0\n");
  EXPECT_EQ(slice.metadata.extra["slice"],
            nlohmann::json({{"from", 8}, {"to", 10}, {"prologue_events", 6}}));
  EXPECT_THAT(slice.metadata.unknown, Contains("free space at the start"));
  EXPECT_TRUE(is_part(slice.metadata));
  EXPECT_THAT(slice.report.losses, IsEmpty());
}

TEST(Slice, KeepsArenasAndRequestsThatAnAllocatorMadeItself) {
  const std::string trace = trace_of(
      "arena+ 262144 0x40000\n"
      "arena+ 262144 0x80000\n"
      "arena- 0\n"
      "m raw 640 nested @0x10\n"
      "m obj 24 @0x80010\n"
      "f obj 1\n"
      "f raw 0 nested\n"
      "arena- 1\n");
  EXPECT_EQ(edited(trace, {.slice = EventRange{5}}).lines,
            "arena+ 262144 0x80000\n"
            "m raw 640 nested =0 @0x10\n"
            "m obj 24 =1 @0x80010\n"
            "mark \"slice starts at event 5\"\n"
            "f obj 1\n"
            "f raw 0 nested\n"
            "arena- 0\n");
}

TEST(Slice, OfMistakesSaysWhatItCannotName) {
  const std::string trace = trace_of(
      "m obj 24 @0x10\n"
      "f obj 0\n"
      "f obj 0\n"
      "r obj 0 48 @0x10\n"
      "m obj 24 @0x10\n"
      "f obj 0\n"
      "f obj 0\n");
  const Edited slice = edited(trace, {.slice = EventRange{2}});
  EXPECT_EQ(slice.lines,
            "mark \"slice starts at event 2\"\n"
            "fu obj 0x10\n"
            "m obj 24 =0 @0x10\n"
            "f obj 0\n"
            "f obj 0\n");
  EXPECT_THAT(slice.report.losses, ElementsAre(HasSubstr("1 frees of blocks that were dead"),
                                               HasSubstr("1 reallocs of blocks that were dead")));
  EXPECT_EQ(slice.metadata.extra["notes"], slice.report.losses);
}

TEST(Slice, OfEverythingIsTheTrace) {
  write_stream(random_stream({.events = 3000}), scratch("a.pmtrace"), {.addresses = true});
  edited(scratch("a.pmtrace"), {.slice = EventRange{}});
  EXPECT_EQ(read_all(scratch("edited.pmtrace")).digest, read_all(scratch("a.pmtrace")).digest);
  EXPECT_FALSE(is_part(read_all(scratch("edited.pmtrace")).metadata));
}

TEST(Slice, ThatHoldsNothingIsRefused) {
  const std::string trace = trace_of("m obj 24\nf obj 0\n");
  EXPECT_THAT(refusal_of(trace, {.slice = EventRange{2}}), HasSubstr("has 2 events, so no slice"));
  EXPECT_THAT(refusal_of(trace, {.slice = EventRange{1, 1}}), HasSubstr("is empty"));
  EXPECT_EQ(refusal_of(trace, {.slice = EventRange{1}}), "");
}

// Each event's kind, domain, size and block, by the number of its allocation; threads likewise.
std::vector<std::string> told(const std::vector<Operation>& operations) {
  std::vector<std::string> lines;
  std::map<Slot, std::size_t> blocks;
  std::size_t allocations = 0;
  for (const Operation& operation : operations) {
    const bool takes = takes_new_slot(operation.kind) && !operation.failed;
    if (takes) blocks[operation.slot] = allocations++;
    const bool names = is_request(operation.kind) && operation.slot != kNoSlot;
    lines.push_back(fmt::format("{} {} {}{} {} x {} at {:#x}, block {}", name(operation.kind),
                                name(operation.domain), operation.nested, operation.failed,
                                operation.count, operation.size, operation.address,
                                names ? static_cast<std::int64_t>(blocks[operation.slot]) : -1));
  }
  return lines;
}

// Slots are numbered anew, and nothing else changes: the whole is the slice and what came before.
TEST(Slice, OfAnyStreamGoesOnAsTheWholeDoes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Stream stream = random_stream({.events = 2000, .seed = seed, .live_about = 50});
    write_stream(stream, scratch("a.pmtrace"), {.addresses = true, .chunk_events = 300});
    Random random(seed);
    const EventRange range{random.between(1, 1000), random.between(1001, 2000)};
    const ConversionReport report = edit_trace(scratch("a.pmtrace"), scratch("b.pmtrace"),
                                               {.slice = range}, {.addresses = true});
    const ReadBack whole = read_all(scratch("a.pmtrace"), {.addresses = true});
    const ReadBack slice = read_all(scratch("b.pmtrace"), {.addresses = true});
    const auto from = static_cast<std::ptrdiff_t>(range.from);
    const auto to = static_cast<std::ptrdiff_t>(range.to);
    const auto prologue = slice.metadata.extra["slice"]["prologue_events"].get<std::ptrdiff_t>();

    // The live set at both ends.
    const auto live = [](const std::vector<Operation>& operations, std::ptrdiff_t end) {
      std::map<Slot, Operation> blocks;
      for (auto at = operations.begin(); at != operations.begin() + end; ++at) {
        if (takes_new_slot(at->kind) && !at->failed) blocks[at->slot] = *at;
        if (at->kind == EventKind::realloc && !at->failed && blocks.count(at->slot) != 0) {
          Operation& block = blocks[at->slot];
          block.size = at->size;
          block.count = 1;
          block.domain = at->domain;
          block.address = at->address;
        }
        if (at->kind == EventKind::free) blocks.erase(at->slot);
      }
      std::multiset<std::string> texts;
      for (const auto& [slot, block] : blocks)
        texts.insert(fmt::format("{} {} {} {:#x}", name(block.domain), block.nested, block.bytes(),
                                 block.address));
      return texts;
    };
    EXPECT_EQ(live(whole.operations, from), live(slice.operations, prologue));
    EXPECT_EQ(live(whole.operations, to),
              live(slice.operations, static_cast<std::ptrdiff_t>(slice.operations.size())));

    // Between them the same happens, but for blocks that were dead before.
    std::vector<Operation> between(whole.operations.begin() + from, whole.operations.begin() + to);
    std::vector<Operation> after(slice.operations.begin() + prologue, slice.operations.end());
    std::uint64_t changed = 0;
    for (const std::string& loss : report.losses) changed += std::stoull(loss);
    std::erase_if(between, [](const Operation& event) { return !takes_new_slot(event.kind); });
    std::erase_if(after, [](const Operation& event) { return !takes_new_slot(event.kind); });
    EXPECT_EQ(told(between), told(after));
    EXPECT_LT(changed, 30u);
  }
}

TEST(Threads, KeepTheirBlocksStoriesToTheEnd) {
  const std::string trace = trace_of(
      "m obj 1 @0x10\n"
      "thread 1\n"
      "m obj 2 @0x20\n"
      "m obj 3 @0x30\n"
      "thread 2\n"
      "m obj 4 @0x40\n"
      "f obj 1\n"
      "thread 1\n"
      "f obj 0\n"
      "r obj 3 44 @0x50\n"
      "f obj 3\n"
      "m obj 5 @0x40\n");
  const Edited chosen = edited(trace, {.threads = {1}});
  EXPECT_EQ(chosen.lines,
            "m obj 2 =0 @0x20\n"
            "m obj 3 =1 @0x30\n"
            "thread 1\n"
            "f obj 0\n"
            "thread 0\n"
            "fu obj 0x10\n"
            "ru obj 0x40 44 =0 @0x50\n"
            "f obj 0\n"
            "m obj 5 =0 @0x40\n");
  EXPECT_EQ(chosen.metadata.extra["threads"], nlohmann::json({1, 2}));
  EXPECT_THAT(chosen.metadata.unknown, Contains("other threads"));
  EXPECT_THAT(chosen.report.losses,
              ElementsAre(HasSubstr("2 events of other threads were left out"),
                          HasSubstr("1 events of other threads stay"),
                          HasSubstr("1 frees of other threads' blocks"),
                          HasSubstr("1 reallocs of other threads' blocks")));
}

// Its slot is another's there.
TEST(Threads, DoNotFreeAnotherBlockForADeadOne) {
  const std::string trace = trace_of(
      "m obj 1 @0x10\n"
      "thread 1\n"
      "m obj 2 @0x20\n"
      "thread 0\n"
      "f obj 0\n"
      "thread 1\n"
      "f obj 1\n"
      "thread 0\n"
      "m obj 3 @0x20\n"
      "f obj 0\n");
  EXPECT_EQ(edited(trace, {.threads = {0}}).lines,
            "m obj 1 =0 @0x10\n"
            "f obj 0\n"
            "m obj 3 =0 @0x20\n"
            "fu obj 0x10\n");
}

TEST(Threads, ThatDoNothingAreRefusedByNumber) {
  const std::string trace = trace_of("m obj 1\nthread 1\nm obj 2\n");
  EXPECT_THAT(refusal_of(trace, {.threads = {0, 7}}), HasSubstr("thread 7 does nothing here"));
  EXPECT_THAT(refusal_of(trace, {.threads = {1u << 20}}), HasSubstr("there is no thread 1048576"));
}

TEST(Threads, KeepTheArenasThatTheyAskedFor) {
  const std::string trace = trace_of(
      "arena+ 262144 0x40000\n"
      "thread 1\n"
      "arena+ 262144 0x80000\n"
      "thread 0\n"
      "arena- 1\n"
      "arena- 0\n");
  EXPECT_EQ(edited(trace, {.threads = {1}}).lines, "arena+ 262144 0x80000\nthread 1\narena- 0\n");
}

// Every allocation is some thread's, and every block that a chosen thread made has its whole story.
TEST(Threads, OfAnyStreamShareOutItsAllocations) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    write_stream(random_stream({.events = 3000, .seed = seed, .live_about = 50}),
                 scratch("a.pmtrace"), {.addresses = true});
    const ReadBack whole = read_all(scratch("a.pmtrace"), {.addresses = true});
    std::map<Slot, std::vector<std::string>> wanted;
    Slot thread = 0;
    for (const Operation& operation : whole.operations) {
      if (operation.kind == EventKind::thread) thread = operation.slot;
      if (takes_new_slot(operation.kind) && operation.kind != EventKind::realloc_unknown)
        wanted[thread].push_back(fmt::format("{} {} {} {:#x}", name(operation.kind),
                                             operation.count, operation.size, operation.address));
    }
    for (const auto& [chosen, lines] : wanted) {
      edit_trace(scratch("a.pmtrace"), scratch("b.pmtrace"), {.threads = {chosen}},
                 {.addresses = true});
      const ReadBack part = read_all(scratch("b.pmtrace"), {.addresses = true});
      std::vector<std::string> got;
      for (const Operation& operation : part.operations)
        if (takes_new_slot(operation.kind) && operation.kind != EventKind::realloc_unknown)
          got.push_back(fmt::format("{} {} {} {:#x}", name(operation.kind), operation.count,
                                    operation.size, operation.address));
      EXPECT_EQ(got, lines) << "thread " << chosen;
    }
  }
}

TEST(Threads, AllOfThemAreTheTrace) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    write_stream(random_stream({.events = 3000, .seed = seed}), scratch("a.pmtrace"));
    std::vector<Slot> all;
    Slot thread = 0;
    std::set<Slot> active;
    std::vector<Operation> wanted = read_all(scratch("a.pmtrace")).operations;
    for (const Operation& operation : wanted) {
      const bool context =
          operation.kind == EventKind::thread || operation.kind == EventKind::interpreter;
      if (operation.kind == EventKind::thread) thread = operation.slot;
      if (!context && operation.kind != EventKind::mark) active.insert(thread);
    }
    all.assign(active.begin(), active.end());
    edit_trace(scratch("a.pmtrace"), scratch("b.pmtrace"), {.threads = all}, {});
    std::vector<Operation> got = read_all(scratch("b.pmtrace")).operations;
    for (std::vector<Operation>* operations : {&wanted, &got})
      std::erase_if(*operations, [](const Operation& operation) {
        return operation.kind == EventKind::thread || operation.kind == EventKind::interpreter;
      });
    EXPECT_EQ(told(got), told(wanted)) << "seed " << seed;
  }
}

TEST(Anonymize, LeavesNothingOfTheUsersInTheFile) {
  const TraceMetadata metadata{.python = PythonFacts{.version = "3.11.2", .arena_bytes = 1 << 20},
                               .source = "record",
                               .pythonmalloc = "pymalloc",
                               .command = {"/home/secret/bin/python3", "secret.py"},
                               .pid = 7654321,
                               .parent = 7654320,
                               .started = "2026-01-02T03:04:05Z",
                               .platform = "secret-host",
                               .extra = {{"parent_trace", "secret.pmtrace"}, {"exit_status", 3}}};
  {
    TraceWriter writer = TraceWriter::create(scratch("a.pmtrace"), metadata, {.addresses = true});
    writer.mark("secret request");
    writer.mark("checkpoint end\nallocated blocks 12\n");
    writer.mark("another secret");
    writer.mark("secret request");
    writer.append({.kind = EventKind::malloc, .size = 24, .address = 0x1230});
    writer.finish();
  }
  const Edited anonymous = edited(scratch("a.pmtrace"), {.anonymize = true});
  EXPECT_EQ(anonymous.lines,
            "mark \"mark 1\"\n"
            "mark \"checkpoint end\\nallocated blocks 12\\n\"\n"
            "mark \"mark 2\"\n"
            "mark \"mark 1\"\n"
            "m raw 24 =0 @0x1230\n");
  EXPECT_EQ(anonymous.metadata.python, metadata.python);
  EXPECT_EQ(anonymous.metadata.pythonmalloc, "pymalloc");
  EXPECT_EQ(anonymous.metadata.extra["exit_status"], 3);
  EXPECT_EQ(anonymous.metadata.extra["anonymized"], true);
  // In both of the file's metadata, uncompressed as they are here.
  const std::vector<std::uint8_t> bytes = testing::bytes_of(scratch("edited.pmtrace"));
  const std::string file(bytes.begin(), bytes.end());
  for (const char* const telling : {"secret", "76543", "2026-01-02"})
    EXPECT_EQ(file.find(telling), std::string::npos) << telling;
  EXPECT_EQ(read_all(scratch("edited.pmtrace")).digest, read_all(scratch("a.pmtrace")).digest);
}

TEST(Edits, GoTogether) {
  const std::string trace = trace_of(
      "m obj 1\n"
      "thread 1\n"
      "m obj 2\n"
      "mark \"mine\"\n"
      "m obj 3\n"
      "thread 0\n"
      "f obj 0\n"
      "f obj 1\n");
  const Edited all = edited(trace, {.slice = EventRange{3, 8}, .threads = {1}, .anonymize = true});
  EXPECT_EQ(all.lines,
            "m obj 2 =0\n"
            "mark \"slice starts at event 3\"\n"
            "mark \"mark 1\"\n"
            "m obj 3 =1\n"
            "thread 1\n"
            "f obj 0\n");
}

TEST(Edits, WrittenAtTheirBestAreTheSameAndSmaller) {
  write_stream(random_stream({.events = 20000}), scratch("a.pmtrace"), {.addresses = true});
  edit_trace(scratch("a.pmtrace"), scratch("b.pmtrace"), {}, best_writing({.addresses = true}));
  EXPECT_EQ(read_all(scratch("a.pmtrace")).digest, read_all(scratch("b.pmtrace")).digest);
  EXPECT_LT(testing::bytes_of(scratch("b.pmtrace")).size(),
            testing::bytes_of(scratch("a.pmtrace")).size());
}

}  // namespace
}  // namespace pymemlab
