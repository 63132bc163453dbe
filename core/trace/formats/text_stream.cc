#include "core/trace/formats/text_stream.h"

#include <charconv>
#include <cstring>
#include <span>

namespace pymemlab {
namespace {

constexpr std::size_t kReadBytes = 1u << 16;
constexpr std::size_t kMaxLineBytes = 16u << 20;

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
      break;
    }
    searched = end_ - begin_;
    if (searched > kMaxLineBytes) fail("the line is longer than {} bytes", kMaxLineBytes);
    if (fill()) continue;
    if (begin_ == end_) return false;
    line = {buffer_.data() + begin_, end_ - begin_};
    begin_ = end_;
    break;
  }
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return true;
}

bool LineReader::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() < end_ + kReadBytes) buffer_.resize(2 * end_ + kReadBytes);
  const std::size_t got =
      file_.read(std::as_writable_bytes(std::span(buffer_).subspan(end_, kReadBytes)));
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
  const std::string_view digits = hex ? word.substr(2) : word;
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != digits.data() + digits.size())
    fail("\"{}\" is no {}: wanted a number up to 2^64 - 1", word, what);
  return value;
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
