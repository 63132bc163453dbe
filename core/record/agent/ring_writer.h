// Puts records into the ring, from any thread, in commit order, without a lock.
//
// While one thread alone makes events, it owns a plain cursor. The first event of a second thread
// takes that cursor away (hand_over in the .cc) and from then on all share an atomic one. Nothing
// is lost or turned around by the change: the owner first moves its cursor and then looks whether
// it was still its own.
//
// A full ring is waited for, at most two seconds and only while the collector lives; then recording
// ends for good, with the ring's state saying where. Never a hole.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/record/agent/ring.h"

namespace pymemlab::agent {

enum class Mode : std::uint32_t {
  unknown = 0,  // no event yet
  alone = 1,    // owner of the plain cursor
  shared = 2,
  off = 3,  // no longer recorded: a forked child, or after the end of recording
};

// What the agent knows of a thread.
struct Thread {
  // What every record of this thread carries: its interpreter, and the nested bit while it is
  // inside an allocator.
  std::uint64_t what;
  std::uint64_t where;  // its number, shifted
  std::int64_t interpreter_id;
  Mode mode;
};
extern constinit thread_local Thread t_thread __attribute__((tls_model("initial-exec")));

// The plain cursor. Writers of `next`: its owner alone. `limit` is the first position that may not
// be written yet; 0 once the cursor was taken away.
struct PlainCursor {
  std::atomic<std::uint64_t> next;
  std::atomic<std::uint64_t> limit;
  std::byte* records;
};
extern PlainCursor g_plain;

inline void commit(std::uint64_t position, std::uint64_t what, std::uint64_t where) noexcept {
  auto* record =
      reinterpret_cast<ring::Record*>(g_plain.records + (position & (ring::kRingBytes - 1)));
  __atomic_store_n(&record->where, where, __ATOMIC_RELAXED);
  __atomic_store_n(&record->what, what | (position & ring::kLapBit), __ATOMIC_RELEASE);
}

// Everything that is not the fast path of emit. `position` is what the plain cursor gave, if it
// did.
void emit_past_limit(Thread& thread, std::uint64_t position, std::uint64_t what,
                     std::uint64_t where) noexcept;
void emit_not_alone(Thread& thread, std::uint64_t what, std::uint64_t where) noexcept;

inline void emit(Thread& thread, std::uint64_t what, const void* address) noexcept {
  const std::uint64_t where = reinterpret_cast<std::uint64_t>(address);
  if (thread.mode != Mode::alone) [[unlikely]]
    return emit_not_alone(thread, what, where);
  const std::uint64_t position = g_plain.next.load(std::memory_order_relaxed);
  g_plain.next.store(position + sizeof(ring::Record), std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (position >= g_plain.limit.load(std::memory_order_relaxed)) [[unlikely]]
    return emit_past_limit(thread, position, what, where);
  commit(position, what, where | thread.where);
}

// An event whose size does not fit: its record, then `count` more that hold `values`.
void emit_wide(Thread& thread, std::uint64_t what, const void* address, const std::uint64_t* values,
               unsigned count) noexcept;

// Makes the calling thread the first one of the ring mapped at `header`.
void start_writing(ring::Header* header) noexcept;
// In a forked child: the ring is the parent's.
void stop_in_child() noexcept;
[[nodiscard]] bool is_recording() noexcept;
// Whether a request to the mem or obj domain has been recorded.
[[nodiscard]] bool has_seen_object_requests() noexcept;

}  // namespace pymemlab::agent
