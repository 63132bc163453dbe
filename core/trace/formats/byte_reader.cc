#include "core/trace/formats/byte_reader.h"

#include <cstring>

namespace pymemlab {

bool ByteReader::fill(std::size_t bytes) {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  end_ += input_.read(std::as_writable_bytes(std::span(buffer_).subspan(end_)));
  if (end_ >= bytes) return true;
  begin_ = end_;
  return false;
}

}  // namespace pymemlab
