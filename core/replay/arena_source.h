// Where the model's arenas lie during a replay. The kernel hands CPython page-aligned mappings, and
// how far a base is from a pool boundary decides whether the arena has one pool fewer; so a replay
// chooses that distance (the *residue*, modulo the arena size) instead of leaving it to chance.
//
// One system call maps an arena and one unmaps it, as in CPython.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/base/random.h"
#include "core/pymalloc/allocator_record.h"

namespace pymemlab {

// How residues are chosen; "recorded", "aligned" or "random:SEED" on the command line and in
// results.
struct ArenaResidue {
  enum class Policy : std::uint8_t {
    recorded,  // arena k lies as the recorded process's arena k did; later ones as its last
    aligned,   // 0
    random,    // any page, seeded
  };
  Policy policy = Policy::aligned;
  std::uint64_t seed = 1;

  // Throws InputError for any other text.
  static ArenaResidue parse(const std::string& text);
  [[nodiscard]] std::string text() const;
  friend bool operator==(const ArenaResidue&, const ArenaResidue&) = default;
};

class ArenaSource {
 public:
  // `recorded_bases`: of arenas of this size in order of request; REQUIRES: outlives the source,
  // and is not empty under Policy::recorded.
  ArenaSource(ArenaResidue residue, std::span<const std::uint64_t> recorded_bases);
  ArenaSource(const ArenaSource&) = delete;
  ArenaSource& operator=(const ArenaSource&) = delete;

  [[nodiscard]] ArenaRecord record() noexcept;
  // For SmallHeapOptions::nominal_base: the recorded base of the arena handed out last.
  [[nodiscard]] static std::uint64_t nominal_base(void* source, std::uint64_t base) noexcept;

  // Whether a pointer lies where only arenas do.
  [[nodiscard]] static bool owns(const void* pointer) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    return address >= kFirst && address < kEnd;
  }
  // Counted here, independently of the heap.
  [[nodiscard]] std::uint64_t mapped_bytes() const noexcept { return mapped_bytes_; }
  [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }

 private:
  // A part of the address space where the kernel puts nothing unasked. Arenas go upwards through it
  // and no address is used twice, so that nothing of ours ever lies where somebody else's memory
  // came to be.
  static constexpr std::uintptr_t kFirst = 0x2000'0000'0000;
  static constexpr std::uintptr_t kEnd = 0x5000'0000'0000;

  void* alloc(std::size_t bytes) noexcept;
  void free(void* base, std::size_t bytes) noexcept;
  [[nodiscard]] std::uint64_t next_base(std::size_t bytes) noexcept;

  ArenaResidue residue_;
  std::span<const std::uint64_t> recorded_;
  Random random_;
  std::uintptr_t cursor_;
  std::uint64_t nominal_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t mapped_bytes_ = 0;
};

}  // namespace pymemlab
