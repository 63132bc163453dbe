// Binary files in: whole pieces of a file, in order. Numbers are little-endian.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/input_error.h"
#include "core/trace/formats/input_stream.h"

namespace pymemlab {

class ByteReader {
 public:
  // The file may be compressed: see InputStream.
  explicit ByteReader(const std::string& path) : input_(path), buffer_(kBytes) {}

  // The next `bytes` bytes, until the next call; nothing if the file ends before them, and then
  // whatever was left of it is taken. REQUIRES: bytes <= kBytes.
  [[nodiscard]] std::optional<std::span<const std::uint8_t>> take(std::size_t bytes) {
    if (end_ - begin_ < bytes && !fill(bytes)) return std::nullopt;
    const std::span<const std::uint8_t> piece(buffer_.data() + begin_, bytes);
    begin_ += bytes;
    return piece;
  }
  [[nodiscard]] bool at_end() { return begin_ == end_ && !fill(1); }
  // Of the next piece, in the decompressed content.
  [[nodiscard]] std::uint64_t offset() const noexcept { return input_.offset() - (end_ - begin_); }

  [[nodiscard]] const std::string& path() const noexcept { return input_.path(); }
  // One sentence, if compressed data ends where more was to come.
  [[nodiscard]] const std::optional<std::string>& damage() const noexcept {
    return input_.damage();
  }
  // "app.mtr: byte 128: ..."
  template <typename... Args>
  [[noreturn]] void fail_at(std::uint64_t offset, fmt::format_string<Args...> format,
                            Args&&... args) const {
    throw InputError("{}: byte {}: {}", path(), offset,
                     fmt::format(format, std::forward<Args>(args)...));
  }

  static constexpr std::size_t kBytes = 1u << 16;

 private:
  // False, with everything taken, if there are fewer than `bytes`.
  bool fill(std::size_t bytes);

  InputStream input_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace pymemlab
