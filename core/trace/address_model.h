// Predicts which address a request gets, the way allocators give them: the block of that class
// freed last, or the one behind the block given last. Writer and reader feed the same model, so
// that most addresses are one small token. docs/trace-format.md, "The address column", is the
// reference.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/domain.h"
#include "core/trace/event.h"

namespace pymemlab {

class AddressModel {
 public:
  static constexpr std::size_t kDepth = 64;  // freed addresses remembered in a class
  enum Token : std::uint8_t {
    // 0 .. kDepth - 1: the address freed that many frees before the newest of its class
    kBehindLast = 64,  // the last address of the class + its block size
    kSameAsLast = 65,  // the last address of any class (pymalloc handing on what raw gave it)
    kUnmoved = 66,     // a realloc that did not move
    kDifference = 67,  // in the words: zigzag(address - the last address of the class)
  };

  // Classes differ by what serves them and the size of the blocks that it gives.
  struct Class {
    std::uint8_t index = 0;
    std::uint32_t block_bytes = 0;
  };
  static constexpr std::size_t kClasses = 97;
  static Class class_of(Domain domain, std::uint64_t bytes) noexcept;

  // The token for `address`, and in `word` what it needs besides. Then call allocated() or, for a
  // realloc, reallocated(). `slot` is the block's before the request, kNoSlot for a new one.
  [[nodiscard]] std::uint8_t token(Slot slot, Class wanted, std::uint64_t address,
                                   std::uint64_t& word) const noexcept;
  // The reverse. False if the token means nothing here.
  [[nodiscard]] bool address(Slot slot, Class wanted, std::uint8_t token, std::uint64_t word,
                             std::uint64_t& address) const noexcept;

  void allocated(Slot slot, Class wanted, std::uint64_t address);
  // A block that is dead, or whose address is not known, stays so.
  void reallocated(Slot slot, Class wanted, std::uint64_t address);
  void freed(Slot slot);
  // Forgets all but the live blocks.
  void start_afresh();

  [[nodiscard]] std::uint64_t address_of(Slot slot) const noexcept {
    return slot < blocks_.size() ? blocks_[slot].address : 0;
  }

 private:
  struct Block {
    std::uint64_t address = 0;  // 0: not live, or not known
    std::uint8_t index = 0;
  };
  struct Recent {
    std::array<std::uint64_t, kDepth> freed{};  // a ring
    std::uint32_t newest = 0;
    std::uint64_t last = 0;
  };
  [[nodiscard]] static std::uint64_t& at(Recent& recent, std::size_t depth) noexcept {
    return recent.freed[(recent.newest - depth) % kDepth];
  }
  [[nodiscard]] static std::uint64_t at(const Recent& recent, std::size_t depth) noexcept {
    return recent.freed[(recent.newest - depth) % kDepth];
  }
  static void take(Recent& recent, std::uint64_t address) noexcept;

  std::vector<Block> blocks_;  // by slot
  std::array<Recent, kClasses> recent_{};
  std::uint64_t last_ = 0;
};

}  // namespace pymemlab
