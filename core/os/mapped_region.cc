#include "core/os/mapped_region.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "core/base/input_error.h"
#include "core/os/pages.h"

namespace pymemlab {
namespace {

std::byte* map(std::size_t bytes, int protection, int flags, int descriptor) {
  void* address = ::mmap(nullptr, bytes, protection, flags, descriptor, 0);
  if (address == MAP_FAILED) {
    throw InputError("the kernel refused a mapping of {} bytes: {}", bytes, std::strerror(errno));
  }
  return static_cast<std::byte*>(address);
}

}  // namespace

MappedRegion MappedRegion::anonymous(std::size_t bytes) {
  bytes = whole_pages(bytes);
  return {map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1), bytes};
}

MappedRegion MappedRegion::reserve(std::size_t bytes) {
  bytes = whole_pages(bytes);
  return {map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1),
          bytes};
}

MappedRegion MappedRegion::shared(int descriptor, std::size_t bytes) {
  bytes = whole_pages(bytes);
  return {map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor), bytes};
}

MappedRegion::~MappedRegion() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

}  // namespace pymemlab
