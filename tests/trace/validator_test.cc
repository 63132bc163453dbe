// What checksums and coding do not show: an account of its own finds it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/base/input_error.h"
#include "core/trace/chunk.h"
#include "core/trace/key_chunk.h"
#include "core/trace/little_endian.h"
#include "core/trace/trace_validator.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using ::testing::HasSubstr;
using testing::scratch;

// What it says of the trace: "valid: ...", or the fault.
std::string verdict(const std::string& path) {
  try {
    TraceReader reader = TraceReader::open(path, {.addresses = true, .sites = true});
    TraceValidator validator(reader, path);
    EventBatch batch;
    while (reader.next(batch)) validator.check(batch);
    return reader.damage() ? "damaged" : "valid: " + validator.text();
  } catch (const InputError& error) {
    return error.what();
  }
}

TEST(Validator, AcceptsWhatTheWriterWrites) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    for (const bool addresses : {false, true}) {
      write_stream(
          testing::random_stream({.events = 3000, .seed = seed}), scratch("v.pmtrace"),
          {.addresses = addresses, .sites = addresses, .chunk_events = 100, .key_chunks = 2});
      const std::string said = verdict(scratch("v.pmtrace"));
      EXPECT_THAT(said, HasSubstr("valid: every column of "));
      EXPECT_THAT(said, ::testing::Not(HasSubstr(" 0 key chunks")));
    }
  }
}

TEST(Validator, FindsAnAllocationThatDoesNotTakeTheNewestFreeSlot) {
  write_stream(testing::random_stream({.events = 10}), scratch("v.pmtrace"));
  TraceValidator validator(TraceReader::open(scratch("v.pmtrace")), scratch("v.pmtrace"));
  EventBatch batch;
  const auto malloc = [](Slot slot) {
    return Event(EventKind::malloc, Domain::obj, false, false, 8, slot);
  };
  batch.events = {malloc(0), malloc(1)};
  EXPECT_NO_THROW(validator.check(batch));
  batch.first = 2;
  batch.events = {Event(EventKind::free, Domain::obj, false, false, 0, 0), malloc(2)};
  try {
    validator.check(batch);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("event 3: takes slot 2; wanted the newest free one, 0"));
  }
}

struct Column {
  std::size_t at = 0;
  std::size_t bytes = 0;
};
struct KeyPlace {
  std::size_t chunk = 0;
  std::size_t payload_bytes = 0;
  std::vector<std::pair<std::uint16_t, Column>> columns;
};
KeyPlace find_key(const std::vector<std::uint8_t>& file) {
  KeyPlace key;
  for (std::size_t at = kFileHeaderBytes; at + kTrailerBytes < file.size();) {
    const ChunkHeader header = parse_chunk_header(std::span(file).subspan(at));
    if (header.tag == kKeyTag) {
      key = {.chunk = at, .payload_bytes = header.payload_bytes, .columns = {}};
      const std::uint8_t* payload = file.data() + at + kChunkHeaderBytes;
      const auto columns = get_fixed<std::uint32_t>(payload);
      std::size_t place = at + kChunkHeaderBytes + 4 + 12 * std::size_t{columns};
      for (std::uint32_t i = 0; i < columns; ++i) {
        const std::uint8_t* entry = payload + 4 + 12 * std::size_t{i};
        const auto stored = get_fixed<std::uint32_t>(entry + 8);
        key.columns.emplace_back(get_fixed<std::uint16_t>(entry), Column{place, stored});
        place += stored;
      }
      return key;
    }
    at += kChunkHeaderBytes + header.payload_bytes;
  }
  return key;
}

// Any byte of what a key chunk says of the live blocks, changed with a checksum that fits.
TEST(Validator, FindsAKeyChunkThatSaysSomethingElse) {
  write_stream(testing::random_stream({.events = 600, .live_about = 15}), scratch("v.pmtrace"),
               {.addresses = true, .chunk_events = 100, .key_chunks = 1});
  const std::vector<std::uint8_t> whole = testing::bytes_of(scratch("v.pmtrace"));
  const KeyPlace key = find_key(whole);
  ASSERT_NE(key.chunk, 0u);
  std::size_t tried = 0;
  for (const auto& [id, column] : key.columns) {
    if (id != kKeySlots && id != kKeyDomains && id != kKeySizes && id != kKeyAddresses) continue;
    for (std::size_t i = 0; i < column.bytes; ++i, ++tried) {
      std::vector<std::uint8_t> changed = whole;
      changed[column.at + i] ^= 1;
      const std::uint64_t sum = chunk_checksum(
          kKeyTag, std::span(changed).subspan(key.chunk + kChunkHeaderBytes, key.payload_bytes));
      std::memcpy(changed.data() + key.chunk + 8, &sum, sizeof sum);
      testing::write_bytes(scratch("changed.pmtrace"), changed);
      EXPECT_THAT(verdict(scratch("changed.pmtrace")), ::testing::Not(HasSubstr("valid: ")))
          << "byte " << i << " of column " << id;
    }
  }
  EXPECT_GT(tried, 40u);
}

}  // namespace
}  // namespace pymemlab
