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

// What the agent knows of a thread. The cursor is there in every thread, so that the fast path asks
// one question only: in all but its owner `limit` is 0, and so is it once the cursor was taken
// away. It never lies beyond the end of the lap, so that `base` and the parity hold up to there.
struct Thread {
  std::uint64_t what;  // in every record of this thread: its interpreter, its depth; the lap's
                       // parity, which counts only while the thread owns the cursor
  std::atomic<std::uint64_t> next;   // the plain cursor
  std::atomic<std::uint64_t> limit;  // the first position that may not be written yet
  std::uintptr_t base;               // base + position is the record's place in this lap
  std::uint64_t where;               // its number, shifted; the owner of the cursor has 0
  std::int64_t interpreter_id;
  Mode mode;
  std::uint32_t fork;  // the number of its latest one
  std::uint32_t site;  // that it told last
};
extern constinit thread_local Thread t_thread __attribute__((tls_model("initial-exec")));
extern constinit std::byte* g_records;

// Brings the line that will be written so many records from here into this processor's cache. It is
// in the collector's, or in memory, and a store that waits for it holds up all the program's stores
// behind it. Beyond the mapping it does nothing.
inline void fetch_ahead(const ring::Record* record) noexcept {
  constexpr std::size_t kRecordsAhead = 32;
  __builtin_prefetch(record + kRecordsAhead, 1);
}

inline void store(ring::Record* record, std::uint64_t what, std::uint64_t where) noexcept {
  __atomic_store_n(&record->where, where, __ATOMIC_RELAXED);
  __atomic_store_n(&record->what, what, __ATOMIC_RELEASE);
}

// A record that the plain cursor was moved for and that could not be written there.
struct Unwritten {
  std::uint64_t position;  // what the cursor gave
  std::uint64_t what;      // all but the right parity
};

// Everything but the fast path of emit.
void emit_slow(Unwritten record, std::uint64_t where) noexcept;

// The fast path of emit: false if it will not do.
inline bool emit_fast(std::uint64_t event, const void* address, Unwritten& left) noexcept {
  left.what = event + t_thread.what;  // no bit in common: one addition for all parts
  left.position = t_thread.next.load(std::memory_order_relaxed);
  t_thread.next.store(left.position + sizeof(ring::Record), std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (left.position >= t_thread.limit.load(std::memory_order_relaxed)) [[unlikely]]
    return false;
  auto* record = reinterpret_cast<ring::Record*>(t_thread.base + left.position);
  fetch_ahead(record);
  store(record, left.what, reinterpret_cast<std::uint64_t>(address));
  return true;
}

// An event: its kind, domain and size; the thread adds the rest.
inline void emit(std::uint64_t event, const void* address) noexcept {
  Unwritten left;
  if (!emit_fast(event, address, left)) [[unlikely]]
    emit_slow(left, reinterpret_cast<std::uint64_t>(address));
}

// An event whose size does not fit: its record, then one or two (calloc) that hold the exact
// values.
void emit_wide(std::uint64_t event, const void* address, std::uint64_t value) noexcept;
void emit_wide(std::uint64_t event, const void* address, std::uint64_t count,
               std::uint64_t size) noexcept;

// A text (ring.h), `kind` being new_site. `bytes` <= ring::kMostStatisticsBytes.
void emit_text(ring::Kind kind, const char* text, std::size_t bytes, std::uint64_t where) noexcept;
// A statistics text (ring.h). `bytes` <= ring::kMostStatisticsBytes.
void emit_statistics(const char* text, std::size_t bytes, std::uint64_t allocated_blocks) noexcept;

// From here on the first event of the process calls `claim`, which returns the ring to write to, or
// null if the process is not to be recorded. A thread that makes it becomes the owner of the plain
// cursor if it is the main one, whose memory stays when it ends.
void record_from_first_event(ring::Header* (*claim)() noexcept) noexcept;
// From here on `leave` is called, from the thread that makes it, after one of mem's and obj's
// events within some ten thousand while the collector has paused recording.
void at_pauses(void (*leave)() noexcept) noexcept;
// From here on `ask` is called, from the thread that makes it, before each event of mem and obj, to
// bring the interpreter in t_thread up to date. The plain cursor, whose fast path asks nothing, is
// given up.
void ask_at_every_event(void (*ask)() noexcept) noexcept;
// From here on `site_of` is called, from the thread that makes it, before each event that hands out
// a block, and its answer is told where it is another than before. Gives the plain cursor up, too.
// Null: no more. Numbers of sites are below kMostSiteNumbers.
inline constexpr std::uint32_t kMostSiteNumbers = 1u << 24;
void tell_sites(std::uint32_t (*site_of)(bool holds_gil) noexcept) noexcept;

// A ring from another collector, its facts told, takes the present one's place in memory; every
// thread starts anew with its site. False, with nothing changed, if recording has ended for good.
// REQUIRES: the present collector has gone. A request that is just being recorded in another thread
// may be lost.
[[nodiscard]] bool continue_in(ring::Header* fresh) noexcept;

// Before the thread forks: says so in the stream.
void note_fork() noexcept;
// In the child, whose ring is still the parent's. If it is to be recorded, its first event claims
// another one.
void continue_in_child(bool is_recorded) noexcept;
// The fork that this process came from, if it was noted: the parent's ring and the number there.
struct ForkOrigin {
  std::uint32_t serial = 0;
  std::uint32_t fork = 0;
};
[[nodiscard]] ForkOrigin fork_origin() noexcept;
// Whether events are, or would be, recorded.
[[nodiscard]] bool may_record() noexcept;
// Whether a request to the mem or obj domain has been recorded.
[[nodiscard]] bool has_seen_object_requests() noexcept;

}  // namespace pymemlab::agent
