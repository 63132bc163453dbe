// Blocks of pymem.h that are tied to a C++ object's lifetime: a buffer, and a memory resource for
// the standard containers. Header only; C++20.
//
//   pymemlab::pymem::Buffer<double> samples(1000);                       // PyMem_Malloc,
//   PyMem_Free pymemlab::pymem::DomainResource obj(PYMEM_DOMAIN_OBJ); std::pmr::vector<int>
//   numbers(&obj);                           // PyObject_Malloc, PyObject_Free
//
// Both allocate through the domain's current record, hooks and all, and follow the rules of
// pymem.h: mem and obj need the GIL, and everything is destroyed before PyMemLab_Finalize.
// When there is no memory, both throw std::bad_alloc; what has try_ in its name answers false.
#pragma once

#include <pymemlab/pymem.h>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace pymemlab::pymem {

// The domain's functions, for a domain known when the program runs. REQUIRES: raw, mem or obj.
[[nodiscard]] inline void* domain_malloc(PyMemAllocatorDomain domain, std::size_t size) noexcept {
  switch (domain) {
    case PYMEM_DOMAIN_RAW: return PyMem_RawMalloc(size);
    case PYMEM_DOMAIN_MEM: return PyMem_Malloc(size);
    case PYMEM_DOMAIN_OBJ: return PyObject_Malloc(size);
  }
  return nullptr;
}
[[nodiscard]] inline void* domain_calloc(PyMemAllocatorDomain domain, std::size_t count,
                                         std::size_t size) noexcept {
  switch (domain) {
    case PYMEM_DOMAIN_RAW: return PyMem_RawCalloc(count, size);
    case PYMEM_DOMAIN_MEM: return PyMem_Calloc(count, size);
    case PYMEM_DOMAIN_OBJ: return PyObject_Calloc(count, size);
  }
  return nullptr;
}
[[nodiscard]] inline void* domain_realloc(PyMemAllocatorDomain domain, void* block,
                                          std::size_t size) noexcept {
  switch (domain) {
    case PYMEM_DOMAIN_RAW: return PyMem_RawRealloc(block, size);
    case PYMEM_DOMAIN_MEM: return PyMem_Realloc(block, size);
    case PYMEM_DOMAIN_OBJ: return PyObject_Realloc(block, size);
  }
  return nullptr;
}
inline void domain_free(PyMemAllocatorDomain domain, void* block) noexcept {
  switch (domain) {
    case PYMEM_DOMAIN_RAW: return PyMem_RawFree(block);
    case PYMEM_DOMAIN_MEM: return PyMem_Free(block);
    case PYMEM_DOMAIN_OBJ: return PyObject_Free(block);
  }
}

// The alignment that every domain has in every profile: see PyMemLab_GetAlignment.
inline constexpr std::size_t kLeastAlignment = 8;

// `size()` elements in one block of a domain. Move only. Elements are uninitialised until written,
// and moved as bytes, hence the requirements. An empty buffer (size 0) may or may not have a block.
// The domain is part of the type, so that a block cannot be freed through another.
template <typename T, PyMemAllocatorDomain kDomain = PYMEM_DOMAIN_MEM>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>,
                "realloc moves elements as bytes");
  static_assert(alignof(T) <= kLeastAlignment,
                "blocks are 8-byte aligned in some profiles: use DomainResource");

 public:
  using value_type = T;

  // No block.
  Buffer() noexcept = default;
  // Uninitialised elements. Throws std::bad_alloc, also if their bytes cannot be counted.
  explicit Buffer(std::size_t size) {
    if (!fits(size)) throw std::bad_alloc();
    adopt(domain_malloc(kDomain, size * sizeof(T)), size);
  }
  // Elements of zero bytes, from the domain's calloc. Throws std::bad_alloc.
  [[nodiscard]] static Buffer zeroed(std::size_t size) {
    Buffer buffer;
    buffer.adopt(domain_calloc(kDomain, size, sizeof(T)), size);
    return buffer;
  }
  // Takes over a block that the caller got from the domain's functions; nullptr with size 0.
  [[nodiscard]] static Buffer owning(T* block, std::size_t size) noexcept {
    Buffer buffer;
    buffer.data_ = block;
    buffer.size_ = size;
    return buffer;
  }

  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (data_ != nullptr) domain_free(kDomain, data_);
  }

  // The first min(old, new) elements stay, possibly elsewhere; more are uninitialised. If it throws
  // std::bad_alloc, or answers false, the buffer is as it was.
  void resize(std::size_t size) {
    if (!try_resize(size)) throw std::bad_alloc();
  }
  [[nodiscard]] bool try_resize(std::size_t size) noexcept {
    if (!fits(size)) return false;
    void* moved = domain_realloc(kDomain, data_, size * sizeof(T));
    if (moved == nullptr) return false;
    data_ = static_cast<T*>(moved);
    size_ = size;
    return true;
  }

  // Gives the block to the caller, who frees it with the domain's function.
  [[nodiscard]] T* release() noexcept {
    size_ = 0;
    return std::exchange(data_, nullptr);
  }
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] T* data() noexcept { return data_; }
  [[nodiscard]] const T* data() const noexcept { return data_; }
  [[nodiscard]] std::span<T> span() noexcept { return {data_, size_}; }
  [[nodiscard]] std::span<const T> span() const noexcept { return {data_, size_}; }
  [[nodiscard]] T* begin() noexcept { return data_; }
  [[nodiscard]] T* end() noexcept { return data_ + size_; }
  [[nodiscard]] const T* begin() const noexcept { return data_; }
  [[nodiscard]] const T* end() const noexcept { return data_ + size_; }
  // REQUIRES: i < size().
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return data_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  static constexpr bool fits(std::size_t size) noexcept {
    return size <= static_cast<std::size_t>(PY_SSIZE_T_MAX) / sizeof(T);
  }
  void adopt(void* block, std::size_t size) {
    if (block == nullptr) throw std::bad_alloc();
    data_ = static_cast<T*>(block);
    size_ = size;
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
};

// A domain as a std::pmr::memory_resource. Requests for no more than the domain's own alignment are
// passed on as they are, so they cost what the same PyMem_ call costs. Others ask for `alignment`
// bytes more and keep the domain's pointer in the word before the block:
//
//   pointer from the domain                block, aligned
//   | 8 to `alignment` bytes ... | pointer | bytes asked for |
//
// Threads: raw, any; mem and obj, whoever holds the GIL.
class DomainResource final : public std::pmr::memory_resource {
 public:
  // REQUIRES: raw, mem or obj.
  explicit DomainResource(PyMemAllocatorDomain domain) noexcept : domain_(domain) {}
  [[nodiscard]] PyMemAllocatorDomain domain() const noexcept { return domain_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (!is_over_aligned(alignment)) return existing(domain_malloc(domain_, bytes));
    if (bytes > static_cast<std::size_t>(PY_SSIZE_T_MAX) - alignment) throw std::bad_alloc();
    auto* base = static_cast<std::byte*>(existing(domain_malloc(domain_, bytes + alignment)));
    const std::size_t into = reinterpret_cast<std::uintptr_t>(base) & (alignment - 1);
    std::byte* block = base + (alignment - into);
    reinterpret_cast<void**>(block)[-1] = base;
    return block;
  }
  void do_deallocate(void* block, std::size_t, std::size_t alignment) override {
    domain_free(domain_, is_over_aligned(alignment) ? static_cast<void**>(block)[-1] : block);
  }
  [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    const auto* same_kind = dynamic_cast<const DomainResource*>(&other);
    return same_kind != nullptr && same_kind->domain_ == domain_;
  }

  // Answers the same for a block's whole life: the alignment changes with the interpreter alone.
  [[nodiscard]] bool is_over_aligned(std::size_t alignment) const noexcept {
    return alignment > PyMemLab_GetAlignment(domain_);
  }
  static void* existing(void* block) {
    if (block == nullptr) throw std::bad_alloc();
    return block;
  }

  PyMemAllocatorDomain domain_;
};

}  // namespace pymemlab::pymem
