#include "core/os/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

int open_retrying(const std::string& path, int flags) noexcept {
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

}  // namespace

File File::open_to_read(const std::string& path) {
  if (path == "-") return File(STDIN_FILENO, false, "standard input");
  const int descriptor = open_retrying(path, O_RDONLY);
  if (descriptor < 0) throw InputError("{}: cannot be opened: {}", path, std::strerror(errno));
  return File(descriptor, true, path);
}

File File::open_to_write(const std::string& path) {
  if (path == "-") return File(STDOUT_FILENO, false, "standard output");
  const int descriptor = open_retrying(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (descriptor < 0) throw InputError("{}: cannot be created: {}", path, std::strerror(errno));
  return File(descriptor, true, path);
}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      owned_(other.owned_),
      path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(owned_, other.owned_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (owned_ && descriptor_ >= 0) ::close(descriptor_);
}

std::optional<std::uint64_t> File::size() const noexcept {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

std::size_t File::read(std::span<std::byte> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(descriptor_, bytes.data() + done, bytes.size() - done);
    if (got == 0) break;
    if (got < 0) {
      if (errno == EINTR) continue;
      throw InputError("{}: cannot be read: {}", path_, std::strerror(errno));
    }
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void File::seek(std::uint64_t offset) {
  if (::lseek(descriptor_, static_cast<off_t>(offset), SEEK_SET) < 0)
    throw InputError("{}: cannot be positioned at byte {}: {}", path_, offset,
                     std::strerror(errno));
}

void File::write(std::span<const std::byte> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::write(descriptor_, bytes.data() + done, bytes.size() - done);
    if (put < 0) {
      if (errno == EINTR) continue;
      throw InputError("{}: cannot be written: {}", path_, std::strerror(errno));
    }
    done += static_cast<std::size_t>(put);
  }
}

void File::close() {
  const int descriptor = std::exchange(descriptor_, -1);
  if (owned_ && descriptor >= 0 && ::close(descriptor) != 0 && errno != EINTR)
    throw InputError("{}: cannot be written: {}", path_, std::strerror(errno));
}

}  // namespace pymemlab
