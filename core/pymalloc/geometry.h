// What distinguishes one CPython's small-block allocator from another's, as a value that templates
// take as a parameter. Everything else (block sizes, capacities, pools per arena) derives from it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/base/units.h"

namespace pymemlab {

// What happens to an arena whose last pool became empty.
enum class EmptyArena : std::uint8_t {
  release,    // always given back. CPython up to 3.8.
  keep_last,  // kept if it is the last usable arena. CPython 3.9 and later.
};

// The radix tree that CPython 3.10+ answers "is this pointer in an arena?" with. We answer with
// another structure, but its nodes are requests to the raw allocator that programs can see and
// count, so they are modelled. No tree: all bits zero.
struct RadixTree {
  unsigned top_bits = 0;
  unsigned mid_bits = 0;
  unsigned leaf_bits = 0;

  [[nodiscard]] constexpr bool exists() const noexcept { return leaf_bits != 0; }
  [[nodiscard]] constexpr std::size_t root_bytes() const noexcept {
    return exists() ? sizeof(void*) << top_bits : 0;
  }
  [[nodiscard]] constexpr std::size_t mid_bytes() const noexcept {
    return exists() ? sizeof(void*) << mid_bits : 0;
  }
  // A leaf entry is two signed 32-bit offsets.
  [[nodiscard]] constexpr std::size_t leaf_bytes() const noexcept {
    return exists() ? std::size_t{8} << leaf_bits : 0;
  }

  friend constexpr bool operator==(const RadixTree&, const RadixTree&) = default;
};

struct Geometry {
  std::size_t alignment;    // bytes; also the spacing of size classes
  std::size_t pool_bytes;   // power of two
  std::size_t arena_bytes;  // power of two
  EmptyArena empty_arena;
  RadixTree radix;

  static constexpr std::size_t small_limit = 512;       // the largest request a pool serves
  static constexpr std::size_t pool_header_bytes = 48;  // block 0 starts here

  [[nodiscard]] constexpr std::size_t size_classes() const noexcept {
    return small_limit / alignment;
  }
  // Of an arena whose base is pool-aligned; any other has one pool fewer.
  [[nodiscard]] constexpr std::size_t pools_per_arena() const noexcept {
    return arena_bytes / pool_bytes;
  }
  [[nodiscard]] constexpr std::size_t block_bytes(std::size_t size_class) const noexcept {
    return (size_class + 1) * alignment;
  }
  // REQUIRES: 1 <= request <= small_limit.
  [[nodiscard]] constexpr std::size_t size_class(std::size_t request) const noexcept {
    return (request - 1) / alignment;
  }
  [[nodiscard]] constexpr std::size_t pool_capacity(std::size_t size_class) const noexcept {
    return (pool_bytes - pool_header_bytes) / block_bytes(size_class);
  }
  // Bytes at a pool's end that no block of the class can use. CPython's "quantization".
  [[nodiscard]] constexpr std::size_t pool_tail_bytes(std::size_t size_class) const noexcept {
    return (pool_bytes - pool_header_bytes) % block_bytes(size_class);
  }

  friend constexpr bool operator==(const Geometry&, const Geometry&) = default;
};

// One row a geometry that some CPython has. Names say the first version (64-bit Linux).
inline constexpr Geometry kGeometry36{.alignment = 8,
                                      .pool_bytes = 4 * kKiB,
                                      .arena_bytes = 256 * kKiB,
                                      .empty_arena = EmptyArena::release,
                                      .radix = {}};
inline constexpr Geometry kGeometry37{.alignment = 16,
                                      .pool_bytes = 4 * kKiB,
                                      .arena_bytes = 256 * kKiB,
                                      .empty_arena = EmptyArena::release,
                                      .radix = {}};
inline constexpr Geometry kGeometry39{.alignment = 16,
                                      .pool_bytes = 4 * kKiB,
                                      .arena_bytes = 256 * kKiB,
                                      .empty_arena = EmptyArena::keep_last,
                                      .radix = {}};
inline constexpr Geometry kGeometry310{.alignment = 16,
                                       .pool_bytes = 16 * kKiB,
                                       .arena_bytes = 1 * kMiB,
                                       .empty_arena = EmptyArena::keep_last,
                                       .radix = {.top_bits = 10, .mid_bits = 10, .leaf_bits = 8}};
inline constexpr Geometry kGeometry311{.alignment = 16,
                                       .pool_bytes = 16 * kKiB,
                                       .arena_bytes = 1 * kMiB,
                                       .empty_arena = EmptyArena::keep_last,
                                       .radix = {.top_bits = 15, .mid_bits = 15, .leaf_bits = 14}};
inline constexpr Geometry kGeometry315HugePages{
    .alignment = 16,
    .pool_bytes = 16 * kKiB,
    .arena_bytes = 2 * kMiB,
    .empty_arena = EmptyArena::keep_last,
    .radix = {.top_bits = 15, .mid_bits = 15, .leaf_bits = 13}};

static_assert(kGeometry36.size_classes() == 64 && kGeometry311.size_classes() == 32);
static_assert(kGeometry311.pool_capacity(0) == 1021 && kGeometry311.pool_tail_bytes(31) == 464);
static_assert(kGeometry39.pool_capacity(31) == 7 && kGeometry315HugePages.pools_per_arena() == 128);
static_assert(kGeometry310.radix.root_bytes() == 8192 && kGeometry310.radix.leaf_bytes() == 2048);
static_assert(kGeometry311.radix.mid_bytes() == 262144 &&
              kGeometry311.radix.leaf_bytes() == 131072);

}  // namespace pymemlab
