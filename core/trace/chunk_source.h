// The chunks of a file, one after the other, each checked against its checksum. The end of what can
// be trusted ends the sequence; why is kept as the middle of a sentence.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/os/file.h"
#include "core/trace/chunk.h"

namespace pymemlab {

class ChunkSource {
 public:
  // Checks the file's header. Throws InputError.
  explicit ChunkSource(File file);

  struct Chunk {
    std::uint32_t tag = 0;
    std::uint64_t offset = 0;
    std::span<const std::uint8_t> payload;  // until the next call
  };
  // The next whole chunk; nothing at the end of the file or of what is whole in it.
  [[nodiscard]] std::optional<Chunk> next();
  // Whether the trailer, and nothing else, follows.
  [[nodiscard]] bool at_trailer();
  // The trailer of a file that can be positioned. The position is lost: follow with seek().
  [[nodiscard]] std::optional<Trailer> find_trailer();
  // REQUIRES: can_seek().
  void seek(std::uint64_t offset);
  [[nodiscard]] bool can_seek() const noexcept { return size_.has_value(); }

  [[nodiscard]] const std::string& path() const noexcept { return file_.path(); }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  // After next() returned nothing: what stands at offset(), e.g. "is cut off at byte 17".
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
  // Bytes from offset() to the end, where known.
  [[nodiscard]] std::optional<std::uint64_t> bytes_left() const noexcept;

 private:
  bool read_payload(std::uint32_t bytes);

  File file_;
  std::optional<std::uint64_t> size_;
  std::uint64_t offset_ = 0;
  Bytes payload_;
  std::string fault_;
};

}  // namespace pymemlab
