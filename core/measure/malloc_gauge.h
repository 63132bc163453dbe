// What an allocator that stands in glibc's place says of itself, in one shape: the C library's side
// of the footprint for jemalloc, mimalloc, tcmalloc and scudo.
#pragma once

#include <cstdint>

namespace pymemlab {

// Bytes of the whole process.
struct MallocReading {
  std::uint64_t mapped = 0;     // obtained from the kernel and not given back
  std::uint64_t metadata = 0;   // its own tables; 0 where it does not say
  std::uint64_t free = 0;       // free memory that it keeps: in caches, in pages, of whole pages
  std::uint64_t allocated = 0;  // in live blocks, rounded
};

class MallocGauge {
 public:
  // Of the malloc in this process. Not valid for glibc, nor for one that says nothing.
  [[nodiscard]] static MallocGauge of_this_process() noexcept;

  [[nodiscard]] bool is_valid() const noexcept { return read_ != nullptr; }
  // Takes microseconds. REQUIRES: is_valid().
  [[nodiscard]] MallocReading read() const noexcept { return read_(); }

 private:
  MallocReading (*read_)() noexcept = nullptr;
};

}  // namespace pymemlab
