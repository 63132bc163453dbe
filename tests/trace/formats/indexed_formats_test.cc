// Formats in which blocks have numbers: workloads and bytehound's replay files. And counters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/trace/formats/foreign.h"

namespace pymemlab {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::export_as;
using testing::Exported;
using ::testing::HasSubstr;
using testing::import_as;
using testing::Imported;
using ::testing::IsEmpty;
using testing::words;

// The bytes, given as numbers.
template <typename... Bytes>
std::string bytes(Bytes... values) {
  return {static_cast<char>(values)...};
}

constexpr int kMalloc = 2, kCalloc = 3, kRealloc = 4, kFree = 5, kRelease = 6, kAcquire = 7;
constexpr int kPointers = 8, kSyncs = 9, kThreads = 10, kProgram = 11, kEnd = 1;

TEST(Wl, ReadsOneThread) {
  const std::string head = bytes(kPointers, 9, kSyncs, 0, kThreads, 1, kProgram, 9, kEnd);
  const Imported trace =
      import_as("wl", head + bytes(kMalloc, 1, 0x81, 0x00, kCalloc, 2, 30, kRealloc, 3, 1, 40,
                                   kRealloc, 4, 0, 5, 12, 5, 64, 100, 13, 6, 7, kFree, 3, kFree, 0,
                                   kMalloc, 0, 9, kRealloc, 0, 4, 8, kRealloc, 0, 4, 0, 0, kEnd));
  EXPECT_EQ(trace.refusal, "");
  EXPECT_EQ(trace.events,
            "m libc 128 =0\n"
            "c libc 1 30 =1\n"
            "r libc 0 40\n"
            "rn libc 5 =2\n"
            "m libc 100 =3\n"
            "m libc 7 =4\n"
            "f libc 0\n"
            "f libc -\n"
            "m libc 9 failed\n"
            "r libc 2 8 failed\n"
            "f libc 2\n");
  EXPECT_THAT(trace.report.losses, ElementsAre("2 aligned requests became plain ones"));
  EXPECT_THAT(trace.metadata.unknown, Contains("order between threads"));
}

// Thread 1 frees what thread 0 allocates, which it waits for.
TEST(Wl, LetsThreadsTakeTurnsAndWaitForOneAnother) {
  const std::string head =
      bytes(kPointers, 4, kSyncs, 1, kThreads, 2, kProgram, 19, kProgram, 11, kEnd);
  const std::string second = bytes(kAcquire, 0, kFree, 1, kMalloc, 3, 30, kEnd);
  const std::string first = bytes(kMalloc, 1, 10, kMalloc, 2, 20, kRelease, 0, kFree, 2, kEnd);
  const Imported trace = import_as("wl", head + second + first);
  EXPECT_EQ(trace.refusal, "");
  EXPECT_EQ(trace.events,
            "m libc 10 =0\nm libc 20 =1\nthread 1\nf libc 0\nthread 0\nf libc 1\nthread 1\n"
            "m libc 30 =1\n");
}

TEST(Wl, SaysWhereAndWhatIsWrong) {
  const auto one = [](auto... operations) {
    return import_as("wl",
                     bytes(kPointers, 3, kThreads, 1, kProgram, 7, kEnd) + bytes(operations...))
        .refusal;
  };
  EXPECT_THAT(one(kFree, 1, kEnd), HasSubstr("byte 9: index 1 is not allocated"));
  EXPECT_THAT(one(kMalloc, 1, 8, kMalloc, 1, 8, kEnd), HasSubstr("index 1 is allocated twice"));
  EXPECT_THAT(one(kMalloc, 4, 8, kEnd), HasSubstr("index 4 is beyond the 3"));
  EXPECT_THAT(one(kMalloc, 1, 8), HasSubstr("byte 10: the operations end without an end code"));
  EXPECT_THAT(one(kAcquire, 0, kEnd), HasSubstr("thread 0 waits for sync 0"));
  EXPECT_THAT(one(99, 1, kEnd), HasSubstr("operation 99 among a thread's"));
  EXPECT_THAT(one(kMalloc, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0),
              HasSubstr("more than 64 bits"));
  const auto head = [](auto... numbers) { return import_as("wl", bytes(numbers...)).refusal; };
  EXPECT_THAT(head(), HasSubstr("byte 0: the operations end"));
  EXPECT_THAT(head('#', '!', '/'), HasSubstr("byte 1: no workload"));
  EXPECT_THAT(head(kThreads, 2, kProgram, 5, kEnd, kEnd),
              HasSubstr("2 threads are promised and 1"));
  EXPECT_THAT(head(kThreads, 1, kProgram, 90, kEnd, kEnd), HasSubstr("start at byte 90"));
  EXPECT_THAT(head(kThreads, 2, kProgram, 7, kProgram, 7, kEnd, kEnd),
              HasSubstr("a place of their own"));
}

TEST(Wl, WritesWhatThreadsDoAndSyncsWhereBlocksChangeHands) {
  const Exported file = export_as("wl",
                                  "m obj 200\n"  // 0: thread 0
                                  "thread 5\n"
                                  "c raw 2 3\n"  // 1: thread 5
                                  "f obj 0\n"    // thread 5, of thread 0's block
                                  "f obj -\n"
                                  "rn mem 7\n"  // in slot 0 again
                                  "r mem 0 9\n");
  const std::string head =
      bytes(kPointers, 3, kSyncs, 1, kThreads, 2) +
      bytes(kProgram, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 29, kProgram, 0x80,
            0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 36, kEnd);
  EXPECT_EQ(file.content, head + bytes(kMalloc, 1, 0x81, 72, kRelease, 0, kEnd) +
                              bytes(kCalloc, 2, 6, kAcquire, 0, kFree, 1, kFree, 0, kRealloc, 1, 0,
                                    7, kRealloc, 1, 1, 9, kEnd));
  EXPECT_THAT(file.report.losses, Contains(HasSubstr("1 calloc requests have one argument")));
}

TEST(Wl, WritesATraceOfNothing) {
  EXPECT_EQ(import_as("wl", export_as("wl", "").content).events, "");
}

TEST(Bytehound, ReadsOperationsAndPassesOverStackFrames) {
  const Imported trace = import_as(
      "bytehound",
      words({2, 4, 77, 0, 0, 1, 1, 5, 100, 1, 0, 6, 20, 3, 1, 7, 300, 5, 0, 0, 0, 2, 1, 8, 0, 0}));
  EXPECT_EQ(trace.events, "m libc 100 =0\nm libc 20 =1\nr libc 0 300\nf libc 0\n");
  EXPECT_EQ(trace.report.damage, std::nullopt);
  EXPECT_THAT(trace.metadata.unknown, Contains("threads"));
}

TEST(Bytehound, SaysWhereAndWhatIsWrong) {
  const auto refusal = [](std::initializer_list<std::uint64_t> numbers) {
    return import_as("bytehound", words(numbers)).refusal;
  };
  EXPECT_THAT(refusal({}), HasSubstr("byte 0: no replay file"));
  EXPECT_THAT(refusal({1, 6}), HasSubstr("byte 8: operation 6"));
  EXPECT_THAT(refusal({1, 1, 1, 0, 8}), HasSubstr("byte 8: slot 1 is not below 1"));
  EXPECT_THAT(refusal({1, 1, 0, 0, 8, 1, 0, 0, 8}), HasSubstr("byte 40: slot 0 is taken twice"));
  EXPECT_THAT(refusal({1, 2, 0, 0, 8}), HasSubstr("slot 0 is not taken"));
  EXPECT_THAT(refusal({0, 0, 0}), HasSubstr("byte 16: more follows"));
  const Imported cut = import_as("bytehound", words({1, 1, 0, 0, 8, 2, 0}));
  EXPECT_EQ(cut.events, "m libc 8 =0\n");
  EXPECT_THAT(*cut.report.damage, HasSubstr("is cut off"));
}

TEST(Bytehound, WritesSlotsAndTheEventsNumberAsTime) {
  const Exported file =
      export_as("bytehound", "m obj 20\nthread 1\nm obj 30\nr obj 0 40\nf obj 1\n");
  EXPECT_EQ(file.content, words({2, 1, 0, 0, 20, 1, 1, 2, 30, 3, 0, 3, 40, 2, 1, 4, 0, 0}));
  EXPECT_THAT(file.report.losses, Contains(HasSubstr("1 switches of thread")));
}

TEST(ChromeJson, WritesLiveAndMappedMemoryOverTheEvents) {
  const Exported file = export_as("chrome-json",
                                  "m obj 20\nm raw 5\narena+ 1048576 4096\nr obj 0 60\n"
                                  "m mem 7 nested\nmark \"half\\nway\"\nf raw 1\nf obj 0\n"
                                  "arena- 0\n");
  const nlohmann::json document = nlohmann::json::parse(file.content);
  nlohmann::json live = nlohmann::json::array();
  nlohmann::json mapped = nlohmann::json::array();
  std::string mark;
  for (const nlohmann::json& event : document["traceEvents"]) {
    if (event["ph"] == "i") mark = event["name"];
    if (event["name"] == "live bytes") live.push_back({event["ts"], event["args"]["obj"]});
    if (event["name"] == "mapped bytes") mapped.push_back({event["ts"], event["args"]["arenas"]});
  }
  EXPECT_EQ(live.dump(), "[[0,20],[1,20],[2,20],[3,60],[4,60],[5,60],[6,60],[7,0],[8,0]]");
  EXPECT_EQ(mapped.front().dump(), "[2,1048576]");
  EXPECT_EQ(mapped.back().dump(), "[8,0]");
  EXPECT_EQ(mark, "half");
  EXPECT_THAT(import_as("chrome-json", file.content).refusal, HasSubstr("is only written"));
}

// However long the trace, and also where the peak lies between two samples.
TEST(ChromeJson, HasABoundedNumberOfSamplesAndThePeak) {
  std::string events;
  for (int i = 0; i < 9000; ++i) events += "m obj 10\nf obj 0\n";
  events += "m obj 12345\nf obj 0\n";
  const Exported file = export_as("chrome-json", events);
  const nlohmann::json document = nlohmann::json::parse(file.content);
  std::size_t samples = 0;
  std::uint64_t peak = 0;
  for (const nlohmann::json& event : document["traceEvents"]) {
    if (event["name"] != "live bytes") continue;
    ++samples;
    peak = std::max<std::uint64_t>(peak, event["args"]["obj"]);
  }
  EXPECT_EQ(peak, 12345u);
  EXPECT_GT(samples, 2000u);
  EXPECT_LT(samples, 4600u);
}

}  // namespace
}  // namespace pymemlab
