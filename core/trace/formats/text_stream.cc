#include "core/trace/formats/text_stream.h"

#include <charconv>
#include <cstring>
#include <span>

namespace pymemlab {
namespace {

constexpr std::size_t kReadBytes = 1u << 16;
constexpr std::size_t kMaxLineBytes = 16u << 20;

std::optional<std::uint64_t> number_in(std::string_view digits, int base) {
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

bool LineReader::next(std::string_view& line) {
  std::size_t searched = 0;
  ++number_;
  for (;;) {
    const char* from = buffer_.data() + begin_;
    const void* found = end_ - begin_ > searched
                            ? std::memchr(from + searched, '\n', end_ - begin_ - searched)
                            : nullptr;
    if (found != nullptr) {
      line = {from, static_cast<std::size_t>(static_cast<const char*>(found) - from)};
      begin_ += line.size() + 1;
      ended_ = true;
      break;
    }
    searched = end_ - begin_;
    if (searched > kMaxLineBytes) fail("the line is longer than {} bytes", kMaxLineBytes);
    if (fill()) continue;
    if (begin_ == end_) return false;
    line = {buffer_.data() + begin_, end_ - begin_};
    begin_ = end_;
    ended_ = false;
    break;
  }
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return true;
}

bool LineReader::next_whole(std::string_view& line) {
  if (!next(line)) return false;
  cut_off_ = !ended_;
  return ended_;
}

std::optional<std::string> LineReader::damage() const {
  if (input_.damage()) return input_.damage();
  if (!cut_off_) return std::nullopt;
  return fmt::format("{}: the last line is cut off; what is before it was read", place());
}

bool LineReader::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() < end_ + kReadBytes) buffer_.resize(2 * end_ + kReadBytes);
  const std::size_t got =
      input_.read(std::as_writable_bytes(std::span(buffer_).subspan(end_, kReadBytes)));
  end_ += got;
  return got > 0;
}

std::vector<std::string_view> LineReader::words(std::string_view line) {
  constexpr std::string_view kBlanks = " \t";
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while ((at = line.find_first_not_of(kBlanks, at)) != std::string_view::npos) {
    const std::size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

std::uint64_t LineReader::count(std::string_view word, std::string_view what) const {
  const bool hex = word.substr(0, 2) == "0x";
  const std::optional<std::uint64_t> value =
      hex ? number_in(word.substr(2), 16) : number_in(word, 10);
  if (!value) fail("\"{}\" is no {}: wanted a number up to 2^64 - 1", word, what);
  return *value;
}

std::uint64_t LineReader::bare_hex(std::string_view word, std::string_view what) const {
  const std::optional<std::uint64_t> value = number_in(word, 16);
  if (!value) fail("\"{}\" is no {}: wanted a hexadecimal number up to 2^64 - 1", word, what);
  return *value;
}

void TextWriter::flush() {
  file_.write(std::as_bytes(std::span(buffer_)));
  buffer_.clear();
}

void TextWriter::finish() {
  flush();
  file_.close();
}

}  // namespace pymemlab
