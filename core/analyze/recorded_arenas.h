// The arenas that one interpreter's pymalloc held, as its recorded trace tells: which exist now,
// and what was asked of the arena allocator in which order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/pymalloc/small_heap.h"
#include "core/trace/event.h"

namespace pymemlab {

// One call of the arena allocator. Ordinals count an interpreter's successful requests.
struct ArenaCall {
  enum class Kind : std::uint8_t { request, refused, release };
  Kind kind = Kind::request;
  std::size_t ordinal = 0;  // 0 if refused

  [[nodiscard]] std::string text() const;
  friend bool operator==(const ArenaCall&, const ArenaCall&) = default;
};

class RecordedArenas {
 public:
  explicit RecordedArenas(std::uint64_t arena_bytes) : arena_bytes_(arena_bytes) {}

  // The call that the event stands for, if pymalloc made it. Other sizes are no arenas of its own:
  // from 3.11 the interpreter's stacks come the same way.
  [[nodiscard]] std::optional<ArenaCall> note(const Operation& operation);
  [[nodiscard]] std::optional<Placement> placement(std::uint64_t address) const;

 private:
  struct Arena {
    std::uint64_t base;
    std::size_t ordinal;
  };
  std::uint64_t arena_bytes_;
  std::map<std::uint64_t, std::size_t> ordinal_of_;  // live arenas, by base
  std::map<Slot, Arena> of_request_;                 // by the event's number of the request
  std::size_t ordinals_ = 0;
};

}  // namespace pymemlab
