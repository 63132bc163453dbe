// Content comes out the same however it was compressed; damaged data is refused, cut-off data
// served.
#include "core/trace/formats/input_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <span>
#include <string>

#include "core/base/input_error.h"
#include "core/base/random.h"
#include "tests/trace/formats/foreign.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using ::testing::HasSubstr;
using testing::lz4;
using testing::scratch;

std::string deflated(const std::string& content, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(content.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
std::string gzip(const std::string& content) { return deflated(content, 15 + 16); }
std::string zstd(const std::string& content) {
  std::string out(ZSTD_compressBound(content.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), content.data(), content.size(), 3));
  return out;
}
// A local header with a name of four bytes and an extra field of two, the data, and the start of
// what a directory would be.
std::string zip(const std::string& content, char method = 8) {
  std::string head = "PK\x03\x04";
  head += std::string(4, '\0') + method + std::string(17, '\0');
  head += std::string("\x04\x00\x02\x00", 4) + "name" + "xx";
  return head + deflated(content, -15) + "PK\x01\x02";
}

struct Content {
  std::string bytes;
  std::optional<std::string> damage;
};
Content read(const std::string& file) {
  testing::write_bytes(scratch("input"), {file.begin(), file.end()});
  InputStream stream(scratch("input"));
  Content content;
  char piece[1000];
  while (const std::size_t got = stream.read(std::as_writable_bytes(std::span(piece))))
    content.bytes.append(piece, got);
  EXPECT_EQ(stream.offset(), content.bytes.size());
  content.damage = stream.damage();
  return content;
}

std::string refusal(const std::string& file) {
  try {
    (void)read(file);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

// Long enough that it takes several reads, before and after.
std::string long_content() {
  Random random(5);
  std::string content;
  while (content.size() < 300'000) content += std::to_string(random.next()) + " and so on\n";
  return content;
}

TEST(InputStream, GivesTheContentHoweverItIsCompressed) {
  const std::string text = long_content();
  for (const std::string& file : {text, gzip(text), zstd(text), lz4(text), zip(text)}) {
    const Content content = read(file);
    EXPECT_EQ(content.bytes, text);
    EXPECT_EQ(content.damage, std::nullopt);
  }
  for (const std::string& file : {std::string(), gzip(""), zstd(""), lz4(""), zip("")}) {
    EXPECT_EQ(read(file).bytes, "");
    EXPECT_EQ(read(file).damage, std::nullopt);
  }
}

TEST(InputStream, JoinsTheMembersOfGzipAndTheFramesOfZstdAndLz4) {
  EXPECT_EQ(read(gzip("one ") + gzip("two")).bytes, "one two");
  EXPECT_EQ(read(zstd("one ") + zstd("two")).bytes, "one two");
  EXPECT_EQ(read(lz4("one ") + lz4("two")).bytes, "one two");
}

TEST(InputStream, ServesWhatIsBeforeACut) {
  const std::string text = long_content();
  for (const std::string& file : {gzip(text), zstd(text), lz4(text), zip(text)}) {
    const Content content = read(file.substr(0, file.size() / 2));
    EXPECT_GT(content.bytes.size(), 50'000u);
    EXPECT_EQ(content.bytes, text.substr(0, content.bytes.size()));
    ASSERT_TRUE(content.damage);
    EXPECT_THAT(*content.damage, HasSubstr("the compressed data is cut off at byte"));
  }
}

TEST(InputStream, RefusesWhatCannotBe) {
  std::string damaged = gzip(long_content());
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  damaged[damaged.size() / 2 + 1] = static_cast<char>(damaged[damaged.size() / 2 + 1] ^ 0x55);
  EXPECT_THAT(refusal(damaged), HasSubstr("the gzip data is damaged near byte"));
  EXPECT_THAT(refusal("\x28\xB5\x2F\xFD then nothing of the kind"), HasSubstr("the zstd data"));
  EXPECT_THAT(refusal("\x04\x22\x4D\x18 then nothing of the kind"), HasSubstr("the LZ4 data"));
  EXPECT_THAT(refusal(zip("x", 9)), HasSubstr("is not deflated"));
  EXPECT_THAT(refusal("PK\x03\x04 short"), HasSubstr("ends inside its first header"));
}

}  // namespace
}  // namespace pymemlab
