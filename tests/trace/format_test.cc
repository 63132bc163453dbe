// The bytes of a file: the worked example, and what is refused by which sentence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/base/input_error.h"
#include "core/trace/chunk.h"
#include "core/trace/event_encoder.h"
#include "core/trace/little_endian.h"
#include "core/trace/metadata_chunk.h"
#include "core/trace/varint.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using testing::bytes_of;
using ::testing::HasSubstr;
using testing::read_all;
using testing::ReadBack;
using testing::scratch;
using testing::write_bytes;

// The hex block of the document: offset, then bytes.
Bytes documented_example() {
  const char* source = std::getenv("PYMEMLAB_SOURCE");
  std::ifstream document(std::string(source == nullptr ? "." : source) + "/docs/trace-format.md");
  Bytes bytes;
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    if (line.rfind("```", 0) == 0) {
      inside = line == "```hex";
      continue;
    }
    if (!inside) continue;
    std::istringstream words(line.substr(4));
    for (unsigned value = 0; words >> std::hex >> value;)
      bytes.push_back(static_cast<std::uint8_t>(value));
  }
  return bytes;
}

void write_example(const std::string& path) {
  TraceWriter writer = TraceWriter::create(path, {.source = "example"}, {.addresses = true});
  writer.append({.domain = Domain::obj, .size = 24, .address = 0x7000});
  writer.append({.domain = Domain::obj, .size = 24, .address = 0x7020});
  writer.append(
      {.kind = EventKind::calloc, .domain = Domain::raw, .count = 3, .size = 8, .address = 0x9010});
  writer.append({.kind = EventKind::realloc,
                 .domain = Domain::obj,
                 .slot = 0,
                 .size = 400,
                 .address = 0x8000});
  writer.free(Domain::obj, 1);
  writer.append({.domain = Domain::mem, .size = 32, .address = 0x7020});
  writer.free(Domain::obj, kNoSlot);
  writer.free(Domain::obj, 1);
  writer.mark("done");
  writer.finish();
}

TEST(TraceFormat, WritesTheDocumentedExampleByteForByte) {
  const std::string path = scratch("example.pmtrace");
  write_example(path);
  EXPECT_EQ(bytes_of(path), documented_example());
}

TEST(TraceFormat, ReadsTheDocumentedExample) {
  const std::string path = scratch("document.pmtrace");
  write_bytes(path, documented_example());
  const ReadBack back = read_all(path, {.addresses = true});
  ASSERT_EQ(back.operations.size(), 9u);
  EXPECT_EQ(back.damage, std::nullopt);
  const Operation resized{
      .kind = EventKind::realloc, .domain = Domain::obj, .slot = 0, .size = 400, .address = 0x8000};
  EXPECT_TRUE(back.operations[3] == resized);
  const Operation reused{.domain = Domain::mem, .slot = 1, .size = 32, .address = 0x7020};
  EXPECT_TRUE(back.operations[5] == reused);
  EXPECT_EQ(back.operations[6].slot, kNoSlot);
  EXPECT_EQ(back.marks, std::vector<std::string>{"done"});
}

TEST(TraceFormat, CodesEveryLengthOfNumber) {
  std::vector<std::uint64_t> values = {0, 223, 224, 479, 480, 4319, 4320, ~std::uint64_t{0}};
  for (int bits = 0; bits < 64; ++bits)
    for (const std::uint64_t near : {std::uint64_t{0}, std::uint64_t{1}})
      values.push_back((std::uint64_t{1} << bits) - near);
  Bytes column;
  for (const std::uint64_t value : values) {
    put_varint(column, value);
    put_varint(column, zigzag(value));
  }
  const std::size_t bytes = column.size();
  column.resize(bytes + VarintReader::kPadding);
  VarintReader reader(column.data(), bytes);
  for (const std::uint64_t value : values) {
    EXPECT_EQ(reader.next(), value);
    EXPECT_EQ(unzigzag(reader.next()), value);
  }
  EXPECT_TRUE(reader.at_end());
  EXPECT_FALSE(reader.failed());
  EXPECT_EQ(reader.next(), 0u);
  EXPECT_TRUE(reader.failed());
}

// The sentence by which opening or reading a file of these bytes is refused; empty if it is not.
std::string refusal(const Bytes& bytes) {
  const std::string path = scratch("refused.pmtrace");
  write_bytes(path, bytes);
  try {
    (void)read_all(path, {.addresses = true});
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(TraceFormat, RefusesEmptyAndForeignFilesAndTellsThemApart) {
  EXPECT_THAT(refusal({}), HasSubstr("the file is empty"));
  EXPECT_THAT(refusal({'{', '}', '\n'}), HasSubstr("not a trace"));
  EXPECT_THAT(refusal(Bytes(5000, 0)), HasSubstr("not a trace"));
  EXPECT_THAT(refusal({0x89, 'P', 'M'}), HasSubstr("cut off at byte 3"));
  Bytes header = documented_example();
  header.resize(kFileHeaderBytes);
  EXPECT_THAT(refusal(header), HasSubstr("nothing can be read"));
}

TEST(TraceFormat, RefusesANewerMajorVersionNamingBoth) {
  Bytes bytes = documented_example();
  bytes[8] = 7;
  bytes[10] = 3;
  EXPECT_THAT(refusal(bytes), HasSubstr("trace format 7.3; this pymemlab reads up to 1.x"));
}

TEST(TraceFormat, SaysThatAFileIsMissing) {
  try {
    (void)TraceReader::open(scratch("nowhere.pmtrace"));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("nowhere.pmtrace: cannot be opened"));
  }
}

// A file of one chunk of events, with room to add what a version to come might.
class Maker {
 public:
  Maker() : builder_(3) {
    add_metadata({.source = "made"}, "made", builder_);
    append(builder_.finish(kMetadataTag));
  }
  void append(const Bytes& chunk) { file_.insert(file_.end(), chunk.begin(), chunk.end()); }
  void append_events() {
    EventEncoder encoder;
    encoder.add(Event(EventKind::malloc, Domain::obj, false, false, 8, 0), {});
    encoder.encode({}, builder_);
    append(builder_.finish(kEventsTag));
  }
  [[nodiscard]] ChunkBuilder& builder() { return builder_; }
  [[nodiscard]] const Bytes& file() const { return file_; }

 private:
  ChunkBuilder builder_;
  Bytes file_ = file_header();
};

TEST(TraceFormat, SkipsUnknownChunksAndColumnsThatMayBeSkipped) {
  Maker maker;
  maker.builder().add(1, Bytes(100, 'x'));
  maker.append(maker.builder().finish(chunk_tag("hint")));
  maker.builder().add(kOptionalColumn | 77, Bytes(9, 'y'));
  maker.append_events();
  EXPECT_EQ(refusal(maker.file()), "");
  write_bytes(scratch("skips.pmtrace"), maker.file());
  EXPECT_EQ(read_all(scratch("skips.pmtrace")).operations.size(), 1u);
}

TEST(TraceFormat, RefusesUnknownChunksAndColumnsThatMayNotBeSkipped) {
  Maker chunk;
  chunk.builder().add(1, Bytes(100, 'x'));
  chunk.append(chunk.builder().finish(chunk_tag("MUST")));
  EXPECT_THAT(refusal(chunk.file()), HasSubstr("may not be skipped"));
  Maker column;
  column.builder().add(77, Bytes(9, 'y'));
  column.append_events();
  EXPECT_THAT(refusal(column.file()), HasSubstr("has column 77"));
}

// What the columns of a chunk of events hold.
struct Columns {
  std::uint32_t words = 0;
  Bytes dictionary;
  Bytes tokens;
  Bytes sizes = {};
  Bytes names = {};
  Bytes side_words = {};
  std::uint64_t first_event = 0;
  std::uint64_t allocations = 0;  // before
};

void append_columns(Maker& maker, std::uint32_t events, const Columns& columns) {
  Bytes head;
  put_fixed(head, columns.first_event);
  put_fixed(head, columns.allocations);
  put_fixed(head, events);
  put_fixed(head, columns.words);
  put_fixed(head, std::uint32_t{0});
  maker.builder().add(kEventsHead, head);
  maker.builder().add(kEventsDictionary, columns.dictionary);
  maker.builder().add(kEventsTokens, columns.tokens);
  maker.builder().add(kEventsSizes, columns.sizes);
  maker.builder().add(kEventsNames, columns.names);
  maker.builder().add(kEventsWords, columns.side_words);
  maker.append(maker.builder().finish(kEventsTag));
}

std::string refusal_of_columns(std::uint32_t events, std::uint32_t words, const Bytes& dictionary,
                               const Bytes& tokens, const Bytes& sizes, const Bytes& names,
                               const Bytes& side_words = {}) {
  Maker maker;
  append_columns(maker, events, {words, dictionary, tokens, sizes, names, side_words});
  return refusal(maker.file());
}

TEST(TraceFormat, RefusesWhatNoWriterMakes) {
  const Bytes malloc_obj = {1, 0x20, 0};
  EXPECT_EQ(refusal_of_columns(1, 0, malloc_obj, {0}, {8}, {}), "");
  EXPECT_THAT(refusal_of_columns(0, 0, malloc_obj, {}, {}, {}), HasSubstr("or none"));
  EXPECT_THAT(refusal_of_columns(kMaxChunkEvents + 1, 0, malloc_obj, {0}, {8}, {}),
              HasSubstr("more events"));
  EXPECT_THAT(refusal_of_columns(1, 3, malloc_obj, {0}, {8}, {}),
              HasSubstr("more events or words"));
  EXPECT_THAT(refusal_of_columns(2, 0, malloc_obj, {0}, {8}, {}), HasSubstr("not one token"));
  EXPECT_THAT(refusal_of_columns(1, 0, malloc_obj, {1}, {8}, {}), HasSubstr("means nothing"));
  EXPECT_THAT(refusal_of_columns(1, 0, malloc_obj, {0}, {}, {}), HasSubstr("means nothing"));
  EXPECT_THAT(refusal_of_columns(1, 0, malloc_obj, {0}, {8, 8}, {}), HasSubstr("left over"));
  EXPECT_THAT(refusal_of_columns(1, 1, malloc_obj, {0}, {8}, {}, {5}), HasSubstr("side words"));
  EXPECT_THAT(refusal_of_columns(1, 1, malloc_obj, {0}, {8}, {}), HasSubstr("fewer side words"));
  EXPECT_THAT(refusal_of_columns(1, 0, malloc_obj, {0}, {0xF2, 0, 0, 0, 1}, {}),
              HasSubstr("means nothing"));
  EXPECT_THAT(refusal_of_columns(1, 0, {1, 0x0F, 0}, {0}, {}, {}), HasSubstr("means nothing"));
  EXPECT_THAT(refusal_of_columns(1, 0, {1, 0x20, 8}, {0}, {8}, {}), HasSubstr("means nothing"));
  EXPECT_THAT(refusal_of_columns(1, 0, {1, 0x20, 2}, {0}, {8}, {}), HasSubstr("there is none"));
  EXPECT_THAT(refusal_of_columns(1, 0, {1, 0xA3, 0}, {0}, {}, {1}), HasSubstr("means nothing"))
      << "a free does not fail";
  EXPECT_THAT(refusal_of_columns(1, 0, {2, 0x20, 0}, {0}, {8}, {}), HasSubstr("means nothing"))
      << "a dictionary that ends early";
}

TEST(TraceFormat, RefusesNamesOfBlocksThatAreNotThere) {
  const Bytes frees = {4, 0x20, 0, 0x23, 0, 0x23, 1, 0x23, 2};
  const auto with_name = [&](std::uint8_t token, const Bytes& name) {
    return refusal_of_columns(2, 0, frees, {0, token}, {8}, name);
  };
  EXPECT_EQ(with_name(1, {1}), "");
  EXPECT_EQ(with_name(1, {0}), "") << "free(NULL)";
  EXPECT_EQ(with_name(2, {2}), "") << "the allocation after number -1";
  EXPECT_THAT(with_name(3, {0}), HasSubstr("means nothing")) << "by slot, but an age reaches it";
  EXPECT_THAT(with_name(1, {2}), HasSubstr("means nothing")) << "older than the first";
  EXPECT_THAT(with_name(1, {0xF1, 0, 0, 0x10}), HasSubstr("means nothing")) << "beyond the ring";
  EXPECT_THAT(with_name(2, {4}), HasSubstr("means nothing")) << "not yet allocated";
  EXPECT_THAT(with_name(3, {2}), HasSubstr("means nothing")) << "slot 1 was never taken";
  EXPECT_THAT(refusal_of_columns(2, 0, {2, 0x20, 0, 0x22, 0}, {0, 1}, {8, 8}, {0}),
              HasSubstr("means nothing"))
      << "realloc of no block";
  const auto realloc_by = [&](std::uint8_t form, const Bytes& name) {
    return refusal_of_columns(2, 0, {2, 0x20, 0, 0x22, form}, {0, 1}, {8, 8}, name);
  };
  EXPECT_EQ(realloc_by(0, {1}), "");
  EXPECT_THAT(realloc_by(0, {2}), HasSubstr("means nothing")) << "realloc of one before the first";
  EXPECT_THAT(realloc_by(1, {4}), HasSubstr("means nothing")) << "realloc of the next allocation";
  EXPECT_THAT(refusal_of_columns(1, 0, {1, 0x0C, 0}, {0}, {}, {0}), HasSubstr("means nothing"))
      << "a mark without text";
  EXPECT_THAT(refusal_of_columns(1, 0, {1, 0x09, 0}, {0}, {}, {1}), HasSubstr("means nothing"))
      << "an arena that was not requested";
}

TEST(TraceFormat, RefusesFreesThatContradictWhatIsLive) {
  // malloc; free by age; free by slot; free named dead
  const Bytes entries = {4, 0x20, 0, 0x23, 0, 0x23, 2, 0x23, 3};
  const auto frees = [&](const Bytes& tokens, const Bytes& names) {
    return refusal_of_columns(static_cast<std::uint32_t>(tokens.size()), 0, entries, tokens,
                              Bytes(tokens.size() - names.size(), 8), names);
  };
  EXPECT_EQ(frees({0, 1, 3}, {1, 0}), "") << "freed, and freed again";
  EXPECT_THAT(frees({0, 1, 1}, {1, 1}), HasSubstr("means nothing")) << "by age, not named dead";
  EXPECT_THAT(frees({0, 1, 2}, {1, 0}), HasSubstr("means nothing")) << "by slot, not named dead";
  EXPECT_THAT(frees({0, 0, 1, 1}, {1, 1}), HasSubstr("means nothing")) << "another is live";
  EXPECT_THAT(frees({0, 3}, {0}), HasSubstr("means nothing")) << "named dead, but live";
}

TEST(TraceFormat, TakesNamesBySlotForLiveBlocksThatNoAgeReaches) {
  const auto behind_a_full_reach = [](const Bytes& tokens, const Bytes& names) {
    Maker maker;
    append_columns(maker, kMaxAge,
                   {.dictionary = {1, 0x20, kInline, 8}, .tokens = Bytes(kMaxAge, 0)});
    append_columns(maker, static_cast<std::uint32_t>(tokens.size()),
                   {.dictionary = {3, 0x20, kInline, 8, 0x23, 2, 0x23, 3},
                    .tokens = tokens,
                    .names = names,
                    .first_event = kMaxAge,
                    .allocations = kMaxAge});
    return refusal(maker.file());
  };
  static_assert(kMaxAge == kMaxChunkEvents);
  EXPECT_EQ(behind_a_full_reach({0, 1}, {0}), "");
  EXPECT_EQ(behind_a_full_reach({0, 1, 2}, {0, 0}), "") << "freed, and freed again";
  EXPECT_THAT(behind_a_full_reach({1}, {0}), HasSubstr("means nothing")) << "an age reaches it";
  EXPECT_THAT(behind_a_full_reach({0, 1, 1}, {0, 0}), HasSubstr("means nothing")) << "it is dead";
  EXPECT_THAT(behind_a_full_reach({0, 2}, {0}), HasSubstr("means nothing")) << "it is not dead";
}

TEST(TraceFormat, RefusesReallocsOfDeadBlocksThatAreNotNamedDead) {
  // malloc; free by age; realloc by age; realloc named dead
  const Bytes entries = {4, 0x20, 0, 0x23, 0, 0x22, 0, 0x22, 3};
  const auto reallocs = [&](const Bytes& tokens, const Bytes& names) {
    const std::size_t sizes = tokens.size() - std::count(tokens.begin(), tokens.end(), 1);
    return refusal_of_columns(static_cast<std::uint32_t>(tokens.size()), 0, entries, tokens,
                              Bytes(sizes, 8), names);
  };
  EXPECT_EQ(reallocs({0, 2, 1, 3}, {1, 1, 0}), "");
  EXPECT_THAT(reallocs({0, 1, 2}, {1, 1}), HasSubstr("means nothing")) << "by age";
  EXPECT_THAT(reallocs({0, 3}, {0}), HasSubstr("means nothing")) << "named dead, but live";
  EXPECT_THAT(reallocs({0, 1, 3}, {1, 2}), HasSubstr("means nothing")) << "slot 1 was never used";

  Bytes wide = {3, 0x20, 0, 0x23, 0, 0x22, kInline};
  put_varint(wide, Event::kWide);
  wide.push_back(1);  // the newest allocation's block
  EXPECT_EQ(refusal_of_columns(2, 1, wide, {0, 2}, {8}, {}, {200}), "");
  EXPECT_THAT(refusal_of_columns(3, 1, wide, {0, 1, 2}, {8}, {1}, {200}),
              HasSubstr("means nothing"));
}

TEST(TraceFormat, ChecksLengthsBeforeItAllocates) {
  Bytes file = Maker().file();
  put_fixed(file, kEventsTag);
  put_fixed(file, std::uint32_t{0xFFFFFFFF});
  put_fixed(file, std::uint64_t{0});
  EXPECT_THAT(refusal(file), HasSubstr("no chunk starts there"));

  Maker maker;
  Bytes payload;
  put_fixed(payload, std::uint32_t{1});
  put_fixed(payload, std::uint16_t{kEventsHead});
  put_fixed(payload, std::uint16_t{1});
  put_fixed(payload, std::uint32_t{0xFFFFFFF0});
  put_fixed(payload, std::uint32_t{0});
  Bytes chunk;
  put_fixed(chunk, kEventsTag);
  put_fixed(chunk, static_cast<std::uint32_t>(payload.size()));
  put_fixed(chunk, chunk_checksum(kEventsTag, payload));
  chunk.insert(chunk.end(), payload.begin(), payload.end());
  maker.append(chunk);
  EXPECT_THAT(refusal(maker.file()), HasSubstr("at most 28 are allowed"));
}

TEST(TraceFormat, RefusesMetadataOfTheWrongType) {
  EXPECT_THROW((void)metadata_from_json({{"pid", "seven"}}, "x"), InputError);
  EXPECT_THROW((void)metadata_from_json({{"command", {1, 2}}}, "x"), InputError);
  EXPECT_THROW((void)metadata_from_json({{"python", 3}}, "x"), InputError);
  EXPECT_THROW((void)metadata_from_json({{"python", {{"alignment", -8}}}}, "x"), InputError);
  EXPECT_THROW((void)metadata_from_json(nlohmann::json::array(), "x"), InputError);
  const TraceMetadata absent = metadata_from_json(nlohmann::json::object(), "x");
  EXPECT_EQ(absent, TraceMetadata());
}

}  // namespace
}  // namespace pymemlab
