// A checkpoint: what the recorded interpreter itself said of its allocator at a point of the
// stream. In a trace it is a mark whose text is
//
//   checkpoint arena_request      or: checkpoint end
//   allocated blocks 12345        only if known
//   <the interpreter's statistics text, unchanged; empty if it prints none>
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pymemlab {

struct Checkpoint {
  enum class Moment : std::uint8_t {
    arena_request,  // pymalloc is about to ask for an arena; the arena_alloc event follows
    end,            // of the interpreter
  };
  Moment moment = Moment::end;
  std::optional<std::uint64_t> allocated_blocks = {};  // sys.getallocatedblocks()
  std::string statistics = {};                         // CPython: _PyObject_DebugMallocStats

  [[nodiscard]] std::string mark_text() const;
  // Nothing if `mark` is an ordinary mark.
  [[nodiscard]] static std::optional<Checkpoint> parse(std::string_view mark);

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

}  // namespace pymemlab
