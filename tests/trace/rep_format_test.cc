// malloclab's .rep files in and out, and what they cannot hold.
#include "core/trace/formats/rep_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/input_error.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using testing::bytes_of;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::read_all;
using testing::ReadBack;
using testing::scratch;
using testing::write_bytes;

ReadBack import_of(const std::string& text) {
  write_bytes(scratch("in.rep"), {text.begin(), text.end()});
  import_rep(scratch("in.rep"), scratch("rep.pmtrace"), {.addresses = true});
  return read_all(scratch("rep.pmtrace"));
}

std::string refusal_of_rep(const std::string& text) {
  try {
    (void)import_of(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(RepFormat, ReadsRequestsAndSaysWhatItCannotKnow) {
  const ReadBack back = import_of("20000\n2\n6\n1\na 0 512\na 1 128\nr 0 640\nf 1\nf -1\nf 0\n");
  ASSERT_EQ(back.operations.size(), 6u);
  const Operation resized{
      .kind = EventKind::realloc, .domain = Domain::mem, .slot = 0, .size = 640};
  EXPECT_TRUE(back.operations[2] == resized);
  EXPECT_EQ(back.operations[3].slot, 1u);
  EXPECT_EQ(back.operations[4].slot, kNoSlot);
  EXPECT_EQ(back.metadata.source, "rep");
  EXPECT_THAT(back.metadata.unknown, Contains("domains"));
  EXPECT_THAT(back.metadata.unknown, Contains("threads"));
  EXPECT_EQ(back.metadata.extra["rep"]["suggested_heap_bytes"], 20000);
}

TEST(RepFormat, NamesTheLineOfAMistake) {
  EXPECT_THAT(refusal_of_rep("0\n1\n"), HasSubstr("the file ends where the number of operations"));
  EXPECT_THAT(refusal_of_rep("0\n1\n2\n1\na 0 8\n"), HasSubstr("as the header promises"));
  EXPECT_THAT(refusal_of_rep("0\n1\n1\n1\na 0 8\nf 0\n"),
              HasSubstr("in.rep:6: the header promises 1"));
  EXPECT_THAT(refusal_of_rep("0\n1\n1\n1\na 1 8\n"), HasSubstr("in.rep:5: id 1 is not below 1"));
  EXPECT_THAT(refusal_of_rep("0\n1\n2\n1\na 0 8\na 0 8\n"), HasSubstr("allocated twice"));
  EXPECT_THAT(refusal_of_rep("0\n1\n1\n1\nf 0\n"), HasSubstr("id 0 is not allocated"));
  EXPECT_THAT(refusal_of_rep("0\n1\n1\n1\na 0\n"), HasSubstr("wanted \"a id size\""));
  EXPECT_THAT(refusal_of_rep("0 1 2 3\n"), HasSubstr("alone on its line"));
  EXPECT_THAT(refusal_of_rep("hello\n"), HasSubstr("in.rep:1: \"hello\" is no"));
  EXPECT_THAT(refusal_of_rep(""), HasSubstr("in.rep:1: the file ends"));
}

TEST(RepFormat, WritesDenseIdsAndSaysWhatWasLost) {
  TraceWriter writer = TraceWriter::create(scratch("lossy.pmtrace"), {});
  const Slot first = writer.malloc(Domain::obj, 10);
  writer.calloc(Domain::raw, 3, 7);
  writer.free(Domain::obj, first);
  writer.free(Domain::obj, first);
  writer.free(Domain::obj, kNoSlot);
  const Slot again = writer.malloc(Domain::obj, 20);
  EXPECT_EQ(again, first);
  writer.realloc(Domain::obj, again, 30);
  writer.append({.kind = EventKind::realloc, .failed = true, .slot = again, .size = 1u << 30});
  writer.append({.kind = EventKind::free_unknown, .address = 4096});
  writer.append({.kind = EventKind::realloc_unknown, .size = 40, .old_address = 4096});
  writer.append({.nested = true, .size = 1000});
  writer.append({.kind = EventKind::thread, .slot = 1});
  writer.append({.kind = EventKind::arena_alloc, .size = 1u << 20, .address = 4096});
  writer.mark("end");
  writer.finish();
  const ConversionReport report = export_rep(scratch("lossy.pmtrace"), scratch("lossy.rep"));
  const std::vector<std::uint8_t> bytes = bytes_of(scratch("lossy.rep"));
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()),
            "0\n4\n6\n1\na 0 10\na 1 21\nf 0\na 2 20\nr 2 30\na 3 40\n");
  EXPECT_EQ(report.losses.size(), 11u);
  EXPECT_THAT(report.losses, Contains(HasSubstr("1 calloc requests became")));
  EXPECT_THAT(report.losses, Contains(HasSubstr("1 frees and reallocs of dead blocks")));
}

TEST(RepFormat, ReturnsWhatItCanHold) {
  const auto stream =
      testing::random_stream({.events = 3000, .seed = 4, .live_about = 50, .oddities = false});
  testing::write_stream(stream, scratch("plain.pmtrace"));
  export_rep(scratch("plain.pmtrace"), scratch("plain.rep"));
  import_rep(scratch("plain.rep"), scratch("plain2.pmtrace"), {});
  const ReadBack back = read_all(scratch("plain2.pmtrace"));
  std::size_t at = 0;
  for (const Operation& operation : stream.operations) {
    ASSERT_EQ(back.operations[at].bytes(), operation.bytes());
    ASSERT_EQ(back.operations[at].slot, operation.slot);
    ++at;
  }
  EXPECT_EQ(at, back.operations.size());
}

}  // namespace
}  // namespace pymemlab
