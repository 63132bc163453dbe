// The integer code of the trace format's columns: the first byte tells the length and, for small
// values, is the value. Decoding is one table row and one unaligned load, without a branch.
//
//    first byte 0..223    the value itself
//    first byte 224..239  224 + 256 * (first - 224) + next byte             (224 .. 4319)
//    first byte 240..246  the value, in the (first - 238) bytes that follow, little-endian
//    first byte 247..255  mean nothing
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace pymemlab {

static_assert(
    std::endian::native == std::endian::little,
    "the format is little-endian and so are all machines that CPython's traces come from");

inline constexpr std::uint8_t kVarintTwoBytes = 224;
inline constexpr std::uint8_t kVarintLong = 240;
inline constexpr std::size_t kVarintMaxBytes = 9;

struct VarintRow {
  std::uint64_t mask = 0;  // of the eight bytes after the first
  std::uint32_t base = 0;
  std::uint32_t bytes = 1;  // with the first; 0 marks first bytes that mean nothing
};

constexpr std::array<VarintRow, 256> make_varint_rows() {
  std::array<VarintRow, 256> rows{};
  for (std::uint32_t first = 0; first < 256; ++first) {
    VarintRow& row = rows[first];
    if (first < kVarintTwoBytes) {
      row = {0, first, 1};
    } else if (first < kVarintLong) {
      row = {0xFF, kVarintTwoBytes + 256 * (first - kVarintTwoBytes), 2};
    } else if (first < 247) {
      const std::uint32_t payload = first - 238;
      row = {payload == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * payload)) - 1, 0,
             payload + 1};
    } else {
      row = {0, 0, 0};
    }
  }
  return rows;
}
inline constexpr std::array<VarintRow, 256> kVarintRows = make_varint_rows();
static_assert(kVarintRows[246].bytes == kVarintMaxBytes && kVarintRows[247].bytes == 0);

inline void put_varint(std::vector<std::uint8_t>& out, std::uint64_t value) {
  if (value < kVarintTwoBytes) {
    out.push_back(static_cast<std::uint8_t>(value));
    return;
  }
  if (value < kVarintTwoBytes + 16 * 256) {
    const std::uint64_t rest = value - kVarintTwoBytes;
    out.push_back(static_cast<std::uint8_t>(kVarintTwoBytes + rest / 256));
    out.push_back(static_cast<std::uint8_t>(rest % 256));
    return;
  }
  const auto payload = static_cast<std::uint32_t>((std::bit_width(value) + 7) / 8);
  out.push_back(static_cast<std::uint8_t>(238 + payload));
  for (std::uint32_t i = 0; i < payload; ++i)
    out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

// Small numbers of either sign as small numbers: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
constexpr std::uint64_t zigzag(std::uint64_t difference) noexcept {
  return difference << 1 ^ (std::uint64_t{0} - (difference >> 63));
}
constexpr std::uint64_t unzigzag(std::uint64_t code) noexcept {
  return code >> 1 ^ (std::uint64_t{0} - (code & 1));
}
static_assert(unzigzag(zigzag(std::uint64_t{0} - 5)) == std::uint64_t{0} - 5);

// Reads a column of varints. The column's memory must be followed by kPadding readable bytes.
// A code that is none, or that runs over the end, sets failed() and yields 0 from then on.
class VarintReader {
 public:
  static constexpr std::size_t kPadding = 16;

  VarintReader() noexcept = default;
  VarintReader(const std::uint8_t* begin, std::size_t bytes) noexcept
      : at_(begin), end_(begin + bytes) {}

  [[nodiscard]] std::uint64_t next() noexcept {
    if (at_ >= end_) return fail();
    const VarintRow& row = kVarintRows[*at_];
    std::uint64_t tail;
    std::memcpy(&tail, at_ + 1, sizeof tail);
    at_ += row.bytes;
    if (row.bytes == 0 || at_ > end_) return fail();
    return row.base + (tail & row.mask);
  }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
  [[nodiscard]] std::size_t bytes_left() const noexcept {
    return static_cast<std::size_t>(end_ - at_);
  }
  // The next `bytes` bytes as they stand; nullptr and failed() if there are fewer.
  [[nodiscard]] const std::uint8_t* take(std::size_t bytes) noexcept {
    if (bytes > bytes_left()) {
      (void)fail();
      return nullptr;
    }
    const std::uint8_t* taken = at_;
    at_ += bytes;
    return taken;
  }

 private:
  std::uint64_t fail() noexcept {
    failed_ = true;
    at_ = end_;
    return 0;
  }

  const std::uint8_t* at_ = nullptr;
  const std::uint8_t* end_ = nullptr;
  bool failed_ = false;
};

}  // namespace pymemlab
