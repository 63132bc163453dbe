// What other tools' formats can hold of a trace: blocks that come, change their size and go. Says
// of each event what becomes of it there, and counts what is lost.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/trace/event.h"

namespace pymemlab {

// What a format has words for, besides allocations, reallocs and frees.
struct PlainAbilities {
  bool calloc = false;  // but not its two arguments
  bool realloc_null = false;
  bool null_frees = false;
  bool threads = false;
};

struct PlainRequest {
  enum class Kind : std::uint8_t {
    allocate,
    allocate_zeroed,
    allocate_by_realloc,
    resize,
    release,
    release_null
  };
  Kind kind = Kind::allocate;
  Slot slot = kNoSlot;
  std::uint64_t size = 0;
  Slot thread = 0;
};

class PlainFilter {
 public:
  explicit PlainFilter(PlainAbilities can) noexcept : can_(can) {}

  // What becomes of the trace's next event; nothing if it is left out. Every resize and release is
  // of a slot that is live: one that was allocated and not released since.
  [[nodiscard]] std::optional<PlainRequest> take(const Operation& operation);
  // Each a sentence, with counts.
  [[nodiscard]] std::vector<std::string> losses() const;

 private:
  enum Loss : std::size_t {
    kCalloc,
    kCallocArguments,
    kFailed,
    kNested,
    kNullFree,
    kDead,
    kUnknownFree,
    kNullRealloc,
    kUnknownRealloc,
    kArena,
    kThread,
    kContext,
    kMark,
    kLosses
  };

  std::optional<PlainRequest> lose(Loss loss);
  std::optional<PlainRequest> allocate(const Operation& operation);
  std::optional<PlainRequest> resize(const Operation& operation);
  std::optional<PlainRequest> release(const Operation& operation);
  void set_live(Slot slot, bool live);
  [[nodiscard]] bool is_live(Slot slot) const { return slot < live_.size() && live_[slot]; }

  PlainAbilities can_;
  std::vector<bool> live_;  // by slot
  Slot thread_ = 0;
  std::array<std::uint64_t, kLosses> lost_{};
};

}  // namespace pymemlab
