// Python's own objects as far as their requests go. Sizes are what CPython 3.11 asks its allocator
// for on 64-bit Linux, as sys.getsizeof() shows them (the 16 bytes of the cycle collector's head
// included, where the type has one).
#pragma once

#include <bit>
#include <cstdint>

#include "workloads/program.h"

namespace pymemlab {

inline constexpr std::uint64_t kGcHeadBytes = 16;
inline constexpr std::uint64_t kFloatBytes = 24;
inline constexpr std::uint64_t kIntBytes = 28;  // below 2^30
inline constexpr std::uint64_t kListBytes = kGcHeadBytes + 40;
inline constexpr std::uint64_t kDictBytes = kGcHeadBytes + 48;
constexpr std::uint64_t str_bytes(std::uint64_t length) noexcept { return 49 + length; }  // ASCII
constexpr std::uint64_t bytes_bytes(std::uint64_t length) noexcept { return 33 + length; }
constexpr std::uint64_t tuple_bytes(std::uint64_t items) noexcept {
  return kGcHeadBytes + 24 + 8 * items;
}
// A dictionary's table of 2^n places for at most 2/3 as many entries.
constexpr std::uint64_t dict_entries(std::uint64_t places) noexcept { return places * 2 / 3; }
constexpr std::uint64_t dict_table_bytes(std::uint64_t places) noexcept {
  const std::uint64_t index_bytes = places <= 0x80 ? 1 : places <= 0x8000 ? 2 : 4;
  return 32 + places * index_bytes + dict_entries(places) * 24;
}
static_assert(dict_table_bytes(8) == 160 && dict_table_bytes(256) == 4624 &&
              dict_table_bytes(65536) == 1310736);

// A list that is appended to: the items grow by realloc to about 9/8 of what is needed.
class GrowingList {
 public:
  explicit GrowingList(Program& program) : object_(program.malloc(Domain::obj, kListBytes)) {}

  void append(Program& program) {
    if (++length_ <= capacity_) return;
    capacity_ = (length_ + (length_ >> 3) + 6) & ~std::uint64_t{3};
    if (items_ == kNoSlot) {
      items_ = program.realloc_null(Domain::mem, 8 * capacity_);
    } else {
      program.realloc(Domain::mem, items_, 8 * capacity_);
    }
  }
  // The list itself; what its items point to is the owner's.
  void free(Program& program) {
    if (items_ != kNoSlot) program.free(Domain::mem, items_);
    program.free(Domain::obj, object_);
  }

 private:
  Slot object_;
  Slot items_ = kNoSlot;
  std::uint64_t length_ = 0;
  std::uint64_t capacity_ = 0;
};

// A dictionary that is inserted into: a full table is replaced by one for three times the entries
// used, rounded up to a power of two; the old one is freed after the new one is filled.
class GrowingDict {
 public:
  explicit GrowingDict(Program& program)
      : object_(program.malloc(Domain::obj, kDictBytes)),
        table_(program.malloc(Domain::obj, dict_table_bytes(kSmallest))) {}

  void insert(Program& program) {
    if (used_ == dict_entries(places_)) {
      places_ = std::bit_ceil(3 * used_);
      const Slot larger = program.malloc(Domain::obj, dict_table_bytes(places_));
      program.free(Domain::obj, table_);
      table_ = larger;
    }
    ++used_;
  }
  // The dictionary itself; keys and values are the owner's.
  void free(Program& program) {
    program.free(Domain::obj, table_);
    program.free(Domain::obj, object_);
  }

 private:
  static constexpr std::uint64_t kSmallest = 8;
  Slot object_;
  Slot table_;
  std::uint64_t places_ = kSmallest;
  std::uint64_t used_ = 0;
};

}  // namespace pymemlab
