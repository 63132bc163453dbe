// What .wl files are made of: operations, each a byte and the numbers that belong to it. A number
// is coded in base 128, the highest digit first, with the high bit set on all digits but the last.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/base/input_error.h"
#include "core/os/file.h"

namespace pymemlab {

enum class WlCode : std::uint8_t {
  nop = 0,
  end = 1,
  malloc = 2,     // index size
  calloc = 3,     // index size
  realloc = 4,    // new-index old-index size
  free = 5,       // index
  release = 6,    // id: whoever acquires it may go on
  acquire = 7,    // id: waits until it is released
  pointers = 8,   // how many indices there are; index 0 is NULL
  syncs = 9,      // how many ids there are
  threads = 10,   // how many threads there are
  program = 11,   // offset in the file of a thread's operations
  memalign = 12,  // index alignment size
  valloc = 13,    // index size
  pvalloc = 14,   // index size
};

inline constexpr std::size_t kWlDigits = 10;  // of 64 bits, in base 128

inline void put_wl_number(std::vector<std::uint8_t>& out, std::uint64_t value,
                          std::size_t least_digits = 1) {
  std::uint8_t digits[kWlDigits];
  std::size_t count = 0;
  for (; value != 0 || count < least_digits; value >>= 7) {
    const std::uint64_t more = count == 0 ? 0 : 0x80u;
    digits[count++] = static_cast<std::uint8_t>((value & 0x7Fu) | more);
  }
  while (count > 0) out.push_back(digits[--count]);
}

// One thread's operations, or the file's head: a part of the file, read through a small buffer.
class WlProgram {
 public:
  // Bytes `begin` to `end` of the file, which is shared with other programs.
  WlProgram(File& file, std::uint64_t begin, std::uint64_t end)
      : file_(&file), filled_(begin), end_(end) {}

  [[nodiscard]] std::uint8_t byte() {
    if (next_ == buffer_.size()) fill();
    return buffer_[next_++];
  }
  [[nodiscard]] WlCode code() { return static_cast<WlCode>(byte()); }
  [[nodiscard]] std::uint64_t number() {
    std::uint64_t value = 0;
    for (std::size_t digits = 1;; ++digits) {
      const std::uint8_t digit = byte();
      if (digits > kWlDigits || value >> 57 != 0) fail("a number of more than 64 bits");
      value = value << 7 | (digit & 0x7Fu);
      if ((digit & 0x80u) == 0) return value;
    }
  }
  // After its end nothing is read.
  void close() noexcept { buffer_ = {}; }

  template <typename... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw InputError("{}: byte {}: {}", file_->path(), filled_ - (buffer_.size() - next_),
                     fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  static constexpr std::uint64_t kBufferBytes = 4096;

  void fill() {
    const auto bytes = static_cast<std::size_t>(std::min(end_ - filled_, kBufferBytes));
    buffer_.resize(bytes);
    next_ = 0;
    file_->seek(filled_);
    buffer_.resize(file_->read(std::as_writable_bytes(std::span(buffer_))));
    filled_ += buffer_.size();
    if (buffer_.empty()) fail("the operations end without an end code");
  }

  File* file_;
  std::uint64_t filled_;  // offset of what follows the buffer
  std::uint64_t end_;
  std::vector<std::uint8_t> buffer_;
  std::size_t next_ = 0;
};

}  // namespace pymemlab
