// A pool: pool_bytes of memory, aligned to their size, serving one size class.
//
//    +0 header (48) | block 0 | block 1 | ... | block v/s | never carved ... | tail |
//
// Free blocks are a stack threaded through their first eight bytes. Blocks are carved one at a
// time, when the last free block is handed out, so memory above `next_virgin` has never been
// touched.
//
// With s the block size:   blocks carved == (next_virgin - 48) / s,  live + |free| == blocks carved
//
// A carved pool is *used* (in its class's list: live >= 1 and a free block), *full* (on no list, no
// free block) or *empty* (on its arena's stack: live == 0, linked through `next`).
// CPython: struct pool_header.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/pymalloc/geometry.h"

namespace pymemlab {

// A free block's first word. The rest of a block is never read or written by the allocator.
struct FreeBlock {
  FreeBlock* next;
};

struct Pool {
  static constexpr std::uint32_t kNoClass = 0xFFFF;  // carved, but never given to a class

  std::uint32_t live;
  std::uint32_t block_bytes;
  FreeBlock* free;
  Pool* next;
  Pool* previous;       // nullptr in the front pool of a list
  std::uint32_t arena;  // the owning arena's slot
  std::uint32_t size_class;
  std::uint32_t next_virgin;  // offset of the block to carve next
  std::uint32_t last_virgin;  // largest offset at which a block still fits

  [[nodiscard]] std::byte* at(std::size_t offset) noexcept {
    return reinterpret_cast<std::byte*>(this) + offset;
  }
};
static_assert(sizeof(Pool) == Geometry::pool_header_bytes);

}  // namespace pymemlab
