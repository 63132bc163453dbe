// Memory straight from the kernel, owned by one object. Everything a measuring process needs for
// itself (windows, slots, samples) lives here and never in the malloc that is being measured.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace pymemlab {

// An anonymous private mapping (zeroed on first touch), or a shared mapping of a descriptor.
// Move-only; unmaps on destruction. An empty region has data() == nullptr and bytes() == 0.
class MappedRegion {
 public:
  MappedRegion() noexcept = default;
  // Sizes are rounded up to whole pages. Throws InputError when the kernel refuses.
  static MappedRegion anonymous(std::size_t bytes);
  // Address space without a promise of memory: pages are zero and cost nothing until touched.
  static MappedRegion reserve(std::size_t bytes);
  // The first `bytes` of `descriptor`, shared and writable; the descriptor may be closed
  // afterwards.
  static MappedRegion shared(int descriptor, std::size_t bytes);

  MappedRegion(MappedRegion&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  MappedRegion& operator=(MappedRegion&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedRegion();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  MappedRegion(std::byte* data, std::size_t bytes) noexcept : data_(data), bytes_(bytes) {}
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// A fixed-size, zero-initialised array in a MappedRegion.
template <typename T>
class MappedArray {
  static_assert(std::is_trivially_destructible_v<T> && std::is_trivially_copyable_v<T>);

 public:
  MappedArray() noexcept = default;
  explicit MappedArray(std::size_t size)
      : region_(size == 0 ? MappedRegion() : MappedRegion::anonymous(size * sizeof(T))),
        size_(size) {}

  [[nodiscard]] T* data() const noexcept { return reinterpret_cast<T*>(region_.data()); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] T& operator[](std::size_t i) const noexcept { return data()[i]; }
  [[nodiscard]] std::span<T> span() const noexcept { return {data(), size_}; }
  [[nodiscard]] T* begin() const noexcept { return data(); }
  [[nodiscard]] T* end() const noexcept { return data() + size_; }

 private:
  MappedRegion region_;
  std::size_t size_ = 0;
};

}  // namespace pymemlab
