// Lines of a text file in, text out: what the text formats share. Both are buffered and bounded.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/input_error.h"
#include "core/os/file.h"
#include "core/trace/formats/input_stream.h"

namespace pymemlab {

class LineReader {
 public:
  // The file may be compressed: see InputStream.
  explicit LineReader(const std::string& path) : input_(path) {}

  // False at the end. `line` has no line end and holds until the next call. Throws InputError for a
  // line beyond all reason, which no text format of ours has.
  [[nodiscard]] bool next(std::string_view& line);
  // As next, for what a program wrote line by line: a last line without its end was cut off, and is
  // left out.
  [[nodiscard]] bool next_whole(std::string_view& line);
  // One sentence, if the file ends where more was to come.
  [[nodiscard]] std::optional<std::string> damage() const;
  // The words of `line` that blanks separate.
  [[nodiscard]] static std::vector<std::string_view> words(std::string_view line);

  // "churn.txt:41"
  [[nodiscard]] std::string place() const { return fmt::format("{}:{}", input_.path(), number_); }
  // "churn.txt:41: ..."
  template <typename... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw InputError("{}: {}", place(), fmt::format(format, std::forward<Args>(args)...));
  }
  // A decimal number, or hexadecimal after 0x. Fails naming `what`.
  [[nodiscard]] std::uint64_t count(std::string_view word, std::string_view what) const;
  // A hexadecimal number without 0x. Fails naming `what`.
  [[nodiscard]] std::uint64_t bare_hex(std::string_view word, std::string_view what) const;

 private:
  bool fill();

  InputStream input_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t number_ = 0;
  bool ended_ = false;  // the line given last has its line end
  bool cut_off_ = false;
};

class TextWriter {
 public:
  explicit TextWriter(const std::string& path) : file_(File::open_to_write(path)) {}

  template <typename... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(buffer_), format, std::forward<Args>(args)...);
    if (buffer_.size() >= kFlushBytes) flush();
  }
  // Throws InputError when the disk is full.
  void finish();

 private:
  static constexpr std::size_t kFlushBytes = 1u << 16;
  void flush();

  File file_;
  std::string buffer_;
};

}  // namespace pymemlab
