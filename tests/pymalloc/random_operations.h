// What a program may do to a heap, as a list that can be generated, cut and read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pymemlab {

// One call, complete in itself: a list stays meaningful when some of it is left out. A malloc or
// calloc into a slot that is taken, and a realloc or free of one that is not, do nothing.
struct Operation {
  enum class Kind : std::uint8_t { malloc, calloc, realloc, free };
  static constexpr std::uint8_t kNoFailure = 0xFF;
  static constexpr std::size_t kSlots = 1 << 16;

  Kind kind = Kind::malloc;
  bool arena_fails = false;                // whichever arena it asks for is refused
  std::uint8_t raw_requests = kNoFailure;  // so many of its raw requests succeed, later ones fail
  std::uint16_t slot = 0;
  std::uint16_t size = 0;
};
// A line an operation: "malloc s3 512, no arena", "realloc s3 16, raw fails after 1".
[[nodiscard]] std::string listing(const std::vector<Operation>& operations);

// Growth up to about `most_bytes` and drain, in turns, in sizes that stay for a while.
[[nodiscard]] std::vector<Operation> random_operations(std::uint64_t seed, std::size_t count,
                                                       std::size_t most_bytes);

}  // namespace pymemlab
