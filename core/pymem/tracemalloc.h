// tracemalloc over one Memory: how many bytes are allocated now and at most, and from where.
//
//   malloc(domain) ─▶ [tracemalloc] ─▶ [debug hook] ─▶ pymalloc ─▶ ...
//                          │                              │ what it does not serve
//                          ▼                              ▼
//             traces: (0, block) ─▶ size, frames   record(raw) ─▶ [tracemalloc: passes through]
//
// While it traces, it is the outermost record of all three domains. What a traced request asks of
// another domain is not traced again: a block is recorded once, in the domain the program called.
// Its own tables are allocated with operator new, not from the Memory, so they are never traced.
// CPython: Modules/_tracemalloc, PyTraceMalloc_Track, PyTraceMalloc_Untrack.
#pragma once

#include <array>
#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/domain.h"
#include "core/pymem/debug_failure.h"
#include "core/pymem/gil.h"
#include "core/pymem/memory.h"

namespace pymemlab {

// One line of a traceback.
struct Frame {
  std::string_view file;
  std::uint32_t line = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes <=> for a comparison with 0
  friend auto operator<=>(const Frame&, const Frame&) = default;
};
// The most recent call first.
using Traceback = std::vector<Frame>;

// Where tracebacks come from: in a replay the trace's sites, in a program whatever it knows of its
// callers. `collect` appends up to `limit` frames of the calling thread; their names need to live
// for the call alone. It may allocate from the Memory: that is not traced. It must not throw.
struct FrameSource {
  void (*collect)(void* context, std::size_t limit, Traceback& frames) = nullptr;
  void* context = nullptr;
};

struct TracemallocOptions {
  // Held while a raw request is traced (not: freed), and by track(). nullptr: nobody has one.
  Gil* gil = nullptr;
  FrameSource frames = {};  // none: every traceback is one frame, "<unknown>", line 0
  // Asked before a trace is stored: false is what running out of memory is to CPython.
  bool (*may_store)(void* context) = nullptr;
  void* may_store_context = nullptr;
  // A resized block whose trace cannot be stored. Must not return. Default: stderr, then abort.
  void (*fatal)(std::string_view text) = nullptr;
};

// CPython: tracemalloc.get_traced_memory(). Bytes as requested, over all domains.
struct TracedMemory {
  std::size_t current_bytes = 0;
  std::size_t peak_bytes = 0;
  friend bool operator==(const TracedMemory&, const TracedMemory&) = default;
};

struct BlockTrace {
  unsigned domain;
  std::uintptr_t block;
  std::size_t bytes;
  Traceback frames;  // their names live as long as the Tracemalloc
};

// Threads: track and untrack by any thread, with or without the GIL, also while another starts or
// stops; start and stop by one at a time, and no other in the Memory meanwhile.
class Tracemalloc {
 public:
  // What the hooks and the debug dump record blocks under. Other numbers are for track() alone.
  static constexpr unsigned kDefaultDomain = 0;
  enum class TrackResult : int { ok = 0, no_memory = -1, not_tracing = -2 };

  // REQUIRES: memory outlives it.
  explicit Tracemalloc(Memory& memory, const TracemallocOptions& options = {});
  Tracemalloc(const Tracemalloc&) = delete;
  Tracemalloc& operator=(const Tracemalloc&) = delete;
  ~Tracemalloc();

  // Keeps up to `frames` frames a block. Does nothing if it traces already. Throws InputError, in
  // CPython's words, for a number that the profile does not allow.
  void start(int frames = 1);
  // Puts the records back that start() found; hooks installed on top since are lost, as in CPython.
  // Forgets all traces.
  void stop() noexcept;
  [[nodiscard]] bool is_tracing() const noexcept { return tracing_; }
  [[nodiscard]] int traceback_limit() const noexcept { return frame_limit_; }

  // Tells of a block that others allocated; one told of again gets the new size and traceback.
  // As numbers: PyTraceMalloc_Track's 0, -1 and -2.
  TrackResult track(unsigned domain, std::uintptr_t block, std::size_t bytes) noexcept;
  // Also `ok` for what was never tracked.
  TrackResult untrack(unsigned domain, std::uintptr_t block) noexcept;

  [[nodiscard]] TracedMemory traced_memory() const noexcept;
  void reset_peak() noexcept;
  // Forgets all traces and both figures; tracing goes on.
  void clear() noexcept;
  // Empty for an unknown block. The names live as long as the Tracemalloc.
  [[nodiscard]] Traceback traceback(unsigned domain, std::uintptr_t block) const;
  // Every traced block, in no order.
  [[nodiscard]] std::vector<BlockTrace> traces() const;
  // The debug dump's paragraph on a block: where it was allocated, or nothing for one unknown.
  [[nodiscard]] std::string dump_paragraph(const void* block) const;

 private:
  struct Key {
    unsigned domain;
    std::uintptr_t block;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      return (key.block >> 4) * 0x9E3779B97F4A7C15u + key.domain;
    }
  };
  struct Trace {
    std::size_t bytes = 0;
    const Traceback* frames = nullptr;  // in tracebacks_
  };
  // The context of one domain's wrapper.
  struct Wrapper {
    AllocatorRecord inner;
    Tracemalloc* tracemalloc = nullptr;
  };
  class Inside;
  template <bool kTakesGil>
  struct Functions;

  [[nodiscard]] TrackResult add(Key key, std::size_t bytes) noexcept;
  [[nodiscard]] bool add_block(const void* block, std::size_t bytes) noexcept;
  void remove_block(const void* block) noexcept;
  void erase(Key key) noexcept;
  [[nodiscard]] const Traceback& interned(Traceback& frames);
  void forget_all() noexcept;
  [[noreturn]] void die_in_realloc() const noexcept;

  Memory& memory_;
  TracemallocOptions options_;
  std::array<Wrapper, 3> wrappers_;
  std::atomic<bool> tracing_ = false;
  std::atomic<int> frame_limit_ = 1;

  mutable std::mutex mutex_;  // of all below
  std::unordered_map<Key, Trace, KeyHash> traces_;
  std::set<Traceback> tracebacks_;
  std::set<std::string, std::less<>> names_;
  TracedMemory traced_;
};

}  // namespace pymemlab
