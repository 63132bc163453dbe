// CPython's debug hooks: a wrapper around each domain's allocator that guards every block, paints
// fresh and freed memory, and checks the guards when a block comes back.
//
//   base            user pointer            + size
//   | size, 8 BE | tag | 7 guards | user bytes | 8 guards | serial, 8 BE |
//                                                          up to CPython 3.7, else absent
//
// The wrapper's context is its DebugHook, so records stay valid as long as the DebugHooks do.
// CPython: PyMem_SetupDebugHooks, _PyMem_DebugMalloc and its kin, debug_alloc_api_t.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/base/domain.h"
#include "core/pymalloc/allocator_record.h"
#include "core/pymem/debug_failure.h"
#include "core/pymem/profile.h"

namespace pymemlab {

inline constexpr std::size_t kDebugHeaderBytes = 16;  // size, tag and leading guards
inline constexpr std::size_t kDebugGuardBytes = 8;    // trailing
inline constexpr std::size_t kDebugSerialBytes = 8;

// What one layer of hooks adds to a block.
[[nodiscard]] constexpr std::size_t debug_bytes_per_block(Serial serial) noexcept {
  return kDebugHeaderBytes + kDebugGuardBytes + (serial == Serial::none ? 0 : kDebugSerialBytes);
}
static_assert(debug_bytes_per_block(Serial::none) == 24);
static_assert(debug_bytes_per_block(Serial::after_success) == 32);

// Whether the caller may use mem and obj: the check every hook of theirs starts with. No function:
// nobody asks, as in a simulated interpreter without threads.
struct GilCheck {
  bool (*is_held)(void* context) = nullptr;
  void* context = nullptr;
};

class DebugHooks;

// One domain's wrapper: all that its functions read. The guards are kept as the words that a block
// carries, so that a check is one comparison each.
struct DebugHook {
  AllocatorRecord inner;         // what is wrapped; all null before set_up
  std::uint64_t tag_word = 0;    // bytes 8 to 15 of a block: the tag, then seven guards
  std::uint64_t guard_word = 0;  // eight guards
  std::uint8_t clean = 0;
  std::uint8_t dead = 0;
  bool realloc_erases = false;
  Domain domain = Domain::raw;
  GilCheck gil;  // of mem and obj; never set for raw
  DebugHooks* hooks = nullptr;
};

class DebugHooks {
 public:
  DebugHooks(const Profile& profile, DebugReporter reporter, GilCheck gil) noexcept;
  DebugHooks(const DebugHooks&) = delete;
  DebugHooks& operator=(const DebugHooks&) = delete;

  // Wraps what stands in `record`, unless that is the domain's wrapper already. Like CPython's, the
  // test looks at the outermost function alone: a foreign hook on top of the wrapper becomes the
  // inner allocator of the very wrapper it forwards to, and the next request recurses without end.
  // REQUIRES: domain is raw, mem or obj.
  void set_up(Domain domain, AllocatorRecord& record) noexcept;
  // The domain's wrapper.
  [[nodiscard]] AllocatorRecord record(Domain domain) const noexcept;
  // Whether `record` is the domain's wrapper, by its malloc function as CPython tells.
  [[nodiscard]] bool is_hook(Domain domain, const AllocatorRecord& record) const noexcept;
  // What the domain's wrapper wraps; all null if it was never set up.
  [[nodiscard]] const AllocatorRecord& inner(Domain domain) const noexcept {
    return hooks_[index(domain)].inner;
  }

  [[nodiscard]] std::size_t bytes_per_block() const noexcept {
    return debug_bytes_per_block(serial_kind_);
  }
  // Blocks numbered so far, over all domains; 0 where the profile has no numbers.
  [[nodiscard]] std::uint64_t serial() const noexcept {
    return serial_.load(std::memory_order_relaxed);
  }
  // The next number. As in CPython not one atomic step, so that threads may draw the same.
  std::uint64_t take_serial() noexcept {
    const std::uint64_t next = serial() + 1;
    serial_.store(next, std::memory_order_relaxed);
    return next;
  }

  // Asked for every block that is dumped from now on.
  void set_traceback_source(const TracebackSource& source) noexcept { traceback_ = source; }
  void report(DebugFailure failure) noexcept;

 private:
  static constexpr std::size_t kHookedDomains = 3;

  std::array<DebugHook, kHookedDomains> hooks_;
  std::atomic<std::uint64_t> serial_ = 0;
  Serial serial_kind_;
  Profile profile_;
  DebugReporter reporter_;
  TracebackSource traceback_;
};

}  // namespace pymemlab
