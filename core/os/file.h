// An open file, read and written whole: short transfers and interrupted calls are continued here,
// so that callers see either all the bytes or the end of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace pymemlab {

class File {
 public:
  // `path` "-" is standard input. Throws InputError when it cannot be opened.
  static File open_to_read(const std::string& path);
  // Creates the file or empties what is there. `path` "-" is standard output.
  static File open_to_write(const std::string& path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // Bytes in a regular file; nothing for a pipe or a terminal, which cannot be positioned either.
  [[nodiscard]] std::optional<std::uint64_t> size() const noexcept;

  // Fills `bytes` unless the file ends first; returns how many were read. Throws InputError.
  std::size_t read(std::span<std::byte> bytes);
  // REQUIRES: size() has a value.
  void seek(std::uint64_t offset);
  // Writes all of `bytes`. Throws InputError, e.g. when the disk is full.
  void write(std::span<const std::byte> bytes);
  // Says what only closing can show (a full quota over the network). Throws InputError.
  void close();

 private:
  File(int descriptor, bool owned, std::string path) noexcept
      : descriptor_(descriptor), owned_(owned), path_(std::move(path)) {}
  int descriptor_ = -1;
  bool owned_ = false;
  std::string path_;
};

}  // namespace pymemlab
