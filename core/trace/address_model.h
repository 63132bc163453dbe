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
    // 0 .. kDepth - 1: the address freed that many frees before the newest of its class; it is
    // remembered no longer then
    kBehindLast = 64,  // the last address of the class + its block size
    kSameAsLast = 65,  // the last address of any class (pymalloc handing on what raw gave it)
    kUnmoved = 66,     // a realloc that did not move
    kDifference = 67,  // in the words: zigzag(address - the last address of the class)
  };

  // Classes differ by what serves them and by the size of the blocks that it gives.
  struct Class {
    std::uint8_t index = 0;
    std::uint32_t block_bytes = 0;
  };
  static constexpr std::size_t kClasses = 97;
  static Class class_of(Domain domain, std::uint64_t bytes) noexcept;

  // A request that returned a block: `slot` got `address`. `moves` for a realloc, whose block is in
  // that slot already. A block that is dead or whose address is not known stays so by a realloc.
  // Returns the token, and in `word` what kDifference needs besides.
  std::uint8_t encode(Slot slot, bool moves, Class wanted, std::uint64_t address,
                      std::uint64_t& word);
  // The reverse. A token that means nothing gives false.
  bool decode(Slot slot, bool moves, Class wanted, std::uint8_t token, std::uint64_t word,
              std::uint64_t& address);
  // REQUIRES: not for a slot that is dead, unless its address is not known.
  void freed(Slot slot) noexcept;

  // A block that is live where reading starts.
  void set_live(Slot slot, Class given, std::uint64_t address);
  // Forgets all but the live blocks.
  void start_afresh() noexcept;

  // 0: not live, or not known.
  [[nodiscard]] std::uint64_t address_of(Slot slot) const noexcept {
    return slot < blocks_.size() ? blocks_[slot].address : 0;
  }

 private:
  struct Block {
    std::uint64_t address = 0;  // 0: not live, or not known
    std::uint8_t index = 0;     // of its class
  };
  class Recent {
   public:
    [[nodiscard]] std::uint64_t freed(std::size_t depth) const noexcept {
      return freed_[(newest_ - depth) % kDepth];
    }
    void push(std::uint64_t address) noexcept { freed_[++newest_ % kDepth] = address; }
    void remove(std::size_t depth) noexcept;

    std::uint64_t last = 0;

   private:
    std::array<std::uint64_t, kDepth> freed_{};  // a ring; 0 where nothing is remembered
    std::uint32_t newest_ = 0;
  };
  [[nodiscard]] std::uint8_t find(Slot slot, bool moves, Class wanted,
                                  std::uint64_t address) const noexcept;
  void apply(Slot slot, bool moves, Class wanted, std::uint8_t token, std::uint64_t address);

  std::vector<Block> blocks_;  // by slot
  std::array<Recent, kClasses> recent_{};
  std::uint64_t last_ = 0;
};

}  // namespace pymemlab
