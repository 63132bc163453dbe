// A file's content as a stream of bytes, decompressed as it is read: the file as it stands, gzip
// (any number of members), zstd and LZ4 (any number of frames), or the first file in a zip archive.
// Which, its first bytes say. Memory is bounded whatever the file claims.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace pymemlab {

class InputStream {
 public:
  // `path` "-" is standard input. Throws InputError when it cannot be opened.
  explicit InputStream(const std::string& path);
  InputStream(InputStream&&) noexcept;
  InputStream& operator=(InputStream&&) noexcept;
  ~InputStream();

  [[nodiscard]] const std::string& path() const noexcept;
  // Fills `bytes` unless the content ends first; returns how many were read. Throws InputError for
  // compressed data that cannot be.
  std::size_t read(std::span<std::byte> bytes);
  // Bytes of content read so far.
  [[nodiscard]] std::uint64_t offset() const noexcept;
  // One sentence, if the compressed data ends where more was to come.
  [[nodiscard]] const std::optional<std::string>& damage() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pymemlab
