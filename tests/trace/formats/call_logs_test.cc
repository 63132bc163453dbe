// Formats in which tracers log calls with the blocks' addresses: mtrace, heaptrack, memory_replay,
// glibc's traces.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/trace/formats/foreign.h"

namespace pymemlab {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::import_as;
using testing::Imported;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::words;

// thread, type, pointer 1, pointer 2, size; the path bits say "from the thread's cache".
std::string record(std::uint32_t thread, std::uint8_t type, std::uint64_t pointer1,
                   std::uint64_t pointer2, std::uint64_t size) {
  return words({std::uint64_t{thread} | std::uint64_t{type} << 32 | std::uint64_t{1} << 40,
                pointer1, pointer2, size, 0, 0, 0, 0});
}
const std::string kMagic = record(7, 255, 0x1234, 0, 8);

TEST(Mtrace, ReadsEveryKindOfCall) {
  const Imported trace = import_as("mtrace",
                                   "= Start\n"
                                   "@ ./a prog:(main+0x1b)[0x11a0] + 0x1000 0xa\n"
                                   "@ ./a prog:[0x11b3] + 0x1020 0x15\n"
                                   "@ ./a prog:[0x11c8] < 0x1000\n"
                                   "@ ./a prog:[0x11c8] > 0x1040 0x64\n"
                                   "+ (nil) 0xfffffffffffff000\n"
                                   "@ x ! 0x1020 0xfffffffffffff000\n"
                                   "@ x - 0x1020\n"
                                   "@ x - 0x9000\n"
                                   "@ x + 0x1020 0\n"
                                   "= End\n");
  EXPECT_EQ(trace.events,
            "m libc 10 =0\n"
            "m libc 21 =1\n"
            "r libc 0 100\n"
            "m libc 18446744073709547520 failed\n"
            "r libc 1 18446744073709547520 failed\n"
            "f libc 1\n"
            "fu libc 0x9000\n"
            "m libc 0 =1\n");
  EXPECT_THAT(trace.metadata.unknown,
              ElementsAre("python", "domains", "calloc", "alignment", "threads", "arenas"));
  EXPECT_THAT(trace.report.losses, IsEmpty());
}

TEST(Mtrace, KeepsAddressesIfAsked) {
  EXPECT_EQ(import_as("mtrace", "= Start\n+ 0x1000 0xa\n< 0x1000\n> 0x2000 0xb\n", true).events,
            "m libc 10 =0 @0x1000\nr libc 0 11 @0x2000\n");
}

TEST(Mtrace, InsertsTheFreeThatWasNotLogged) {
  const Imported trace = import_as("mtrace", "= Start\n+ 0x1000 0xa\n+ 0x1000 0xb\n- 0x1000\n");
  EXPECT_EQ(trace.events, "m libc 10 =0\nf libc 0\nm libc 11 =0\nf libc 0\n");
  EXPECT_THAT(trace.report.losses, ElementsAre(HasSubstr("1 frees are missing")));
  EXPECT_THAT(trace.metadata.extra["notes"].dump(), HasSubstr("1 frees are missing"));
}

TEST(Mtrace, NamesTheLineOfAMistake) {
  EXPECT_THAT(import_as("mtrace", "= Start\n@ x * 0x1\n").refusal, HasSubstr("foreign:2: wanted"));
  EXPECT_THAT(import_as("mtrace", "> 0x1 0x2\n").refusal, HasSubstr(":1: a \">\" without"));
  EXPECT_THAT(import_as("mtrace", "< 0x1\n+ 0x2 0x3\n").refusal, HasSubstr(":2: wanted the \">\""));
  EXPECT_THAT(import_as("mtrace", "+ 0x1 zwei\n").refusal, HasSubstr("\"zwei\" is no size"));
}

TEST(Mtrace, LeavesOutALastLineThatIsCutOff) {
  const Imported trace = import_as("mtrace", "= Start\n+ 0x1000 0xa\n- 0x10");
  EXPECT_EQ(trace.events, "m libc 10 =0\n");
  ASSERT_TRUE(trace.report.damage);
  EXPECT_THAT(*trace.report.damage, HasSubstr("foreign:3: the last line is cut off"));
}

TEST(Heaptrack, ReadsRawFiles) {
  const Imported trace = import_as("heaptrack",
                                   "v 10400 3\nx 4 prog\nX ./prog -v\nI 1000 5e298f\nm 1 -\n"
                                   "t 7ff727318b9f 0\n+ a 1 1000\n+ 15 2 1020\n- 1000\n"
                                   "+ 64 3 1040\n- 9000\nc 1\nR 3c1\n");
  EXPECT_EQ(trace.events, "m libc 10 =0\nm libc 21 =1\nf libc 0\nm libc 100 =0\nfu libc 0x9000\n");
  EXPECT_THAT(trace.metadata.command, ElementsAre("./prog", "-v"));
  EXPECT_THAT(trace.metadata.unknown, Contains("reallocs"));
  EXPECT_THAT(trace.metadata.unknown, Not(Contains("addresses")));
}

TEST(Heaptrack, TakesAnInterpretedFreeForTheNewestOfItsKind) {
  const Imported trace = import_as("heaptrack",
                                   "v 10400 3\nX ./prog\ns 4 main\ni 1 1 1\nt 1 0\n"
                                   "a a 1\n+ 0\n+ 0\na 15 1\n+ 1\n- 0\n- 0\n- 1\n",
                                   true);
  EXPECT_EQ(trace.events,
            "m libc 10 =0\nm libc 10 =1\nm libc 21 =2\nf libc 1\nf libc 0\nf libc 2\n");
  EXPECT_THAT(trace.metadata.unknown, Contains("which block is freed"));
  EXPECT_THAT(trace.metadata.columns, IsEmpty());
}

TEST(Heaptrack, ReadsTheOldestFilesWhichNameBlocksByAddress) {
  EXPECT_EQ(import_as("heaptrack", "v 10000\n+ a 1 1000\n- 1000\n").events,
            "m libc 10 =0\nf libc 0\n");
}

TEST(Heaptrack, SaysThatItWasAttached) {
  EXPECT_THAT(import_as("heaptrack", "v 10400 3\nA\n").metadata.unknown, Contains("start"));
}

TEST(Heaptrack, NamesTheLineOfAMistake) {
  EXPECT_THAT(import_as("heaptrack", "").refusal, HasSubstr("foreign:1: wanted heaptrack's"));
  EXPECT_THAT(import_as("heaptrack", "v 1 4\n").refusal, HasSubstr("file version 4 is newer"));
  EXPECT_THAT(import_as("heaptrack", "v 1 3\nz\n").refusal, HasSubstr(":2: \"z\" starts no line"));
  EXPECT_THAT(import_as("heaptrack", "v 1 3\na 1 1\n- 0\n").refusal, HasSubstr("more often than"));
  EXPECT_THAT(import_as("heaptrack", "v 1 3\n+ 0\n").refusal, HasSubstr("is not defined"));
  EXPECT_THAT(import_as("heaptrack", "v 1 3\n+ 1 1 10\na 1 1\n").refusal,
              HasSubstr("an interpreted file's line in a raw file"));
  EXPECT_THAT(import_as("heaptrack", "v 1 3\na 1 1\n+ 1 1 10\n").refusal,
              HasSubstr("a raw file's line in an interpreted file"));
}

TEST(MemoryReplay, ReadsEveryCallAndItsThread) {
  const Imported trace = import_as("memory-replay",
                                   "100: malloc 0x1000 48\n"
                                   "200: calloc 0x2000 32 8 1500 1600\n"
                                   "200: realloc 0x3000 0x1000 96\n"
                                   "200: realloc 0x4000 0x0 5\n"
                                   "100: memalign 0x5000 16 104\n"
                                   "100: free 0x3000\n"
                                   "100: realloc 0x0 0x4000 0\n"
                                   "100: malloc 0x0 1000\n"
                                   "100: thread_done 0x0\n"
                                   "200: free 0x0\n");
  EXPECT_EQ(trace.events,
            "m libc 48 =0\n"
            "thread 1\n"
            "c libc 32 8 =1\n"
            "r libc 0 96\n"
            "rn libc 5 =2\n"
            "thread 0\n"
            "m libc 104 =3\n"
            "f libc 0\n"
            "f libc 2\n"
            "m libc 1000 failed\n"
            "thread 1\n"
            "f libc -\n");
  EXPECT_THAT(trace.report.losses, ElementsAre("1 aligned requests became plain ones"));
  EXPECT_THAT(trace.metadata.unknown, ElementsAre("python", "domains", "alignment", "arenas"));
}

TEST(MemoryReplay, NamesTheLineOfAMistake) {
  EXPECT_THAT(import_as("memory-replay", "1: mallocs 0x1 2\n").refusal, HasSubstr("wanted"));
  EXPECT_THAT(import_as("memory-replay", "1: malloc 0x1\n").refusal,
              HasSubstr("foreign:1: wanted"));
  EXPECT_THAT(import_as("memory-replay", "x: malloc 0x1 2\n").refusal, HasSubstr("is no thread"));
}

TEST(MemoryReplay, LeavesOutACallocWhoseBytesOverflow) {
  const Imported trace =
      import_as("memory-replay", "1: calloc 0x0 4294967296 4294967296\n1: malloc 0x10 1\n");
  EXPECT_EQ(trace.events, "m libc 1 =0\n");
  EXPECT_THAT(trace.report.losses, ElementsAre(HasSubstr("do not fit 64 bits")));
}

TEST(GlibcTrace, ReadsEveryTypeOfRecord) {
  const Imported trace =
      import_as("glibc-trace", kMagic + record(9, 1, 0, 0x1000, 10) + record(9, 2, 0, 0x1020, 30) +
                                   record(8, 4, 0x1000, 0x2000, 50) + record(8, 4, 0, 0x3000, 60) +
                                   record(8, 8, 0, 0x4000, 64) + record(8, 3, 0x2000, 0, 0) +
                                   record(8, 1, 0, 0, 1u << 30) + record(0, 0, 0, 0, 0));
  EXPECT_EQ(trace.events,
            "m libc 10 =0\n"
            "c libc 1 30 =1\n"
            "thread 1\n"
            "r libc 0 50\n"
            "rn libc 60 =2\n"
            "m libc 64 =3\n"
            "f libc 0\n"
            "m libc 1073741824 failed\n");
  EXPECT_THAT(trace.report.losses, ElementsAre("1 aligned requests became plain ones"));
}

// Thread 2's free was done, but not logged, before thread 1 was given the same address.
TEST(GlibcTrace, KeepsBothBlocksWhereAnAllocationIsLoggedBeforeTheFreeThatMadeRoom) {
  const Imported trace =
      import_as("glibc-trace", kMagic + record(2, 1, 0, 0x1000, 10) + record(1, 1, 0, 0x1000, 20) +
                                   record(2, 3, 0x1000, 0, 0) + record(1, 4, 0x1000, 0x2000, 30) +
                                   record(1, 3, 0x2000, 0, 0));
  EXPECT_EQ(trace.events,
            "m libc 10 =0\nthread 1\nm libc 20 =1\nthread 0\nf libc 0\nthread 1\n"
            "r libc 1 30\nf libc 1\n");
  EXPECT_THAT(trace.report.losses, ElementsAre(HasSubstr("1 allocations were logged before")));
}

TEST(GlibcTrace, SaysWhatItWants) {
  EXPECT_THAT(import_as("glibc-trace", "").refusal, HasSubstr("byte 0: no trace"));
  EXPECT_THAT(import_as("glibc-trace", record(1, 1, 0, 16, 16)).refusal, HasSubstr("no trace"));
  EXPECT_THAT(import_as("glibc-trace", record(7, 255, 0x1234, 0, 4)).refusal,
              HasSubstr("another machine"));
  EXPECT_THAT(import_as("glibc-trace", kMagic + record(1, 9, 0, 0, 0)).refusal,
              HasSubstr("byte 64: a record of type 9"));
  const Imported cut = import_as("glibc-trace", kMagic + record(1, 1, 0, 16, 16).substr(0, 60));
  EXPECT_EQ(cut.events, "");
  EXPECT_THAT(*cut.report.damage, HasSubstr("cut off inside the record at byte 64"));
}

}  // namespace
}  // namespace pymemlab
