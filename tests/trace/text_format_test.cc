// Traces as text: exact there and back, and errors that name the line.
#include "core/trace/formats/text_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/base/input_error.h"
#include "core/trace/format.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using testing::bytes_of;
using testing::expected;
using ::testing::HasSubstr;
using testing::random_stream;
using testing::read_all;
using testing::ReadBack;
using testing::scratch;
using testing::Stream;
using testing::write_bytes;
using testing::write_stream;

constexpr std::string_view kFirstLine = "pymemlab-trace-text 1\n";

ReadBack import_lines(const std::string& text) {
  const std::string lines = std::string(kFirstLine) + text;
  write_bytes(scratch("in.txt"), {lines.begin(), lines.end()});
  import_text(scratch("in.txt"), scratch("in.pmtrace"), {.addresses = true});
  return read_all(scratch("in.pmtrace"), {.addresses = true});
}

std::string refusal_of_lines(const std::string& text) {
  try {
    (void)import_lines(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(TextFormat, CarriesEveryRandomStreamThereAndBack) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const bool addresses = seed % 2 == 0;
    const Stream stream = random_stream({.events = 2000, .seed = seed});
    TraceMetadata metadata{.source = "test", .command = {"a", "\"b\" \\ \xC3\xA9"}, .pid = 5};
    metadata.extra["more"] = {1, 2, 3};
    write_stream(stream, scratch("a.pmtrace"), {.addresses = addresses}, metadata);
    EXPECT_TRUE(export_text(scratch("a.pmtrace"), scratch("a.txt")).losses.empty());
    import_text(scratch("a.txt"), scratch("b.pmtrace"), {.addresses = true});
    const ReadBack before = read_all(scratch("a.pmtrace"), {.addresses = true});
    const ReadBack after = read_all(scratch("b.pmtrace"), {.addresses = true});
    EXPECT_EQ(after.digest, before.digest);
    EXPECT_TRUE(after.operations == before.operations);
    EXPECT_TRUE(after.operations == expected(stream, addresses));
    EXPECT_EQ(after.marks, stream.marks);
    EXPECT_EQ(after.metadata, before.metadata);
    export_text(scratch("b.pmtrace"), scratch("b.txt"));
    EXPECT_EQ(bytes_of(scratch("a.txt")), bytes_of(scratch("b.txt")));
  }
}

TEST(TextFormat, ReadsWhatAPersonWrites) {
  const ReadBack back = import_lines(
      "# a comment\n"
      "\n"
      "meta {\"columns\": [\"address\"], \"source\": \"by hand\"}\n"
      "m obj 24            # takes slot 0\n"
      "  m mem 0x40 =1 @0x1000 nested\r\n"
      "r mem 1 128 failed\n"
      "f obj 0\n"
      "f obj 0             # again\n"
      "f raw -\n"
      "mark \"tear\\u0064own # no comment\"");
  ASSERT_EQ(back.operations.size(), 7u);
  const Operation nested{
      .domain = Domain::mem, .nested = true, .slot = 1, .size = 64, .address = 0x1000};
  EXPECT_TRUE(back.operations[1] == nested);
  EXPECT_TRUE(back.operations[2].failed);
  EXPECT_EQ(back.operations[4].slot, 0u);
  EXPECT_EQ(back.operations[5].slot, kNoSlot);
  EXPECT_EQ(back.marks, std::vector<std::string>{"teardown # no comment"});
  EXPECT_EQ(back.metadata.source, "by hand");
}

TEST(TextFormat, NamesTheLineOfAMistake) {
  EXPECT_THAT(refusal_of_lines("m obj 8\nm obj\n"),
              HasSubstr("in.txt:3: the line ends where a size"));
  EXPECT_THAT(refusal_of_lines("q obj 8\n"), HasSubstr("in.txt:2: \"q\" is no event"));
  EXPECT_THAT(refusal_of_lines("m object 8\n"), HasSubstr("\"object\" is no domain"));
  EXPECT_THAT(refusal_of_lines("m obj 8x\n"), HasSubstr("\"8x\" is no size"));
  EXPECT_THAT(refusal_of_lines("m obj 18446744073709551616\n"), HasSubstr("is no size"));
  EXPECT_THAT(refusal_of_lines("m obj 8 9\n"), HasSubstr("\"9\" may not stand here"));
  EXPECT_THAT(refusal_of_lines("m obj 8 =1\n"),
              HasSubstr("says slot 1, but the newest free slot is 0"));
  EXPECT_THAT(refusal_of_lines("f obj 0\n"), HasSubstr("slot 0 was never taken"));
  EXPECT_THAT(refusal_of_lines("f obj 4294967295\n"), HasSubstr("too large"));
  EXPECT_THAT(refusal_of_lines("m obj 8\nr obj - 8\n"), HasSubstr("only free may name no block"));
  EXPECT_THAT(refusal_of_lines("m obj 8\nf obj 0 failed\n"), HasSubstr("may not stand here"));
  EXPECT_THAT(refusal_of_lines("c obj 4294967296 4294967296\n"), HasSubstr("do not fit 64 bits"));
  EXPECT_THAT(refusal_of_lines("arena- 0\n"), HasSubstr("arena 0 was never requested"));
  EXPECT_THAT(refusal_of_lines("thread 1048576\n"), HasSubstr("stay below 1048576"));
  EXPECT_THAT(refusal_of_lines("thread -\n"), HasSubstr("stay below 1048576"));
  EXPECT_THAT(refusal_of_lines("mark done\n"), HasSubstr("JSON string"));
  EXPECT_THAT(refusal_of_lines("mark\n"), HasSubstr("JSON string"));
  EXPECT_THAT(refusal_of_lines("meta {\n"), HasSubstr("no JSON"));
  EXPECT_THAT(refusal_of_lines("meta {\"pid\": \"x\"}\n"),
              HasSubstr("in.txt:2: metadata key \"pid\""));
}

TEST(TextFormat, RefusesAnotherVersion) {
  const std::string text = "pymemlab-trace-text 2\n";
  write_bytes(scratch("future.txt"), {text.begin(), text.end()});
  EXPECT_THROW(import_text(scratch("future.txt"), scratch("out.pmtrace"), {}), InputError);
  write_bytes(scratch("future.txt"), {});
  EXPECT_THROW(import_text(scratch("future.txt"), scratch("out.pmtrace"), {}), InputError);
}

TEST(Formats, AreFoundByNameAndByExtension) {
  EXPECT_EQ(trace_format_of("a/b.txt")->name, "text");
  EXPECT_EQ(trace_format_of("b.rep")->name, "rep");
  EXPECT_EQ(trace_format_of("b.pmtrace")->name, "pmtrace");
  EXPECT_EQ(trace_format_of("b"), nullptr);
  EXPECT_EQ(trace_format_named("rep").extension, ".rep");
  EXPECT_THROW((void)trace_format_named("massif"), InputError);
}

TEST(Formats, CopyATraceDropsAddressesAndMendsACutOffOne) {
  const Stream stream = random_stream({.events = 900});
  write_stream(stream, scratch("long.pmtrace"), {.addresses = true, .chunk_events = 300});
  std::vector<std::uint8_t> bytes = bytes_of(scratch("long.pmtrace"));
  bytes.resize(bytes.size() - 40);
  write_bytes(scratch("cut.pmtrace"), bytes);
  const TraceFormat& ours = trace_format_named("pmtrace");
  const ConversionReport report =
      ours.import_file(scratch("cut.pmtrace"), scratch("mended.pmtrace"), {.addresses = false});
  EXPECT_TRUE(report.damage);
  EXPECT_EQ(report.losses.size(), 1u);
  const ReadBack mended = read_all(scratch("mended.pmtrace"), {.addresses = true});
  EXPECT_EQ(mended.damage, std::nullopt);
  EXPECT_TRUE(mended.metadata.columns.empty());
  EXPECT_TRUE(mended.operations == expected(stream, false));
}

}  // namespace
}  // namespace pymemlab
