#include "core/record/agent/ring_writer.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/record/agent/arrival.h"

namespace pymemlab::agent {

constinit thread_local Thread t_thread = {};
constinit std::byte* g_records = nullptr;

namespace {

// Of a thread in a forked child, whose collector does not know what was told before.
constexpr std::uint32_t kNoSiteTold = 0xFFFFFFFF;
constexpr std::int64_t kPatienceNanoseconds = 2'000'000'000;
// So far the plain cursor goes between two looks for a pause: while there is none, and in one.
constexpr std::uint64_t kStrideBytes = 16384 * sizeof(ring::Record);
constexpr std::uint64_t kPausedStrideBytes = 256 * sizeof(ring::Record);

ring::Header* g_header;
// Of the plain cursor.
Thread* g_owner;
enum class Phase : std::uint32_t {
  over,   // also before record_from_first_event
  armed,  // no event yet
  claiming,
  recording,
};
std::atomic<Phase> g_phase;
ring::Header* (*g_claim)() noexcept;
std::atomic<std::uint32_t> g_threads;
std::atomic<std::uint32_t> g_forks;
ForkOrigin g_origin;
std::atomic<void (*)() noexcept> g_ask;
std::uint32_t (*g_site_of)(bool holds_gil) noexcept;
// In the high bits of what a thread told last: counts the collectors.
std::atomic<std::uint32_t> g_site_epoch;
void (*g_at_pause)() noexcept;
// The first position that the writers share: 0 while there is one writer, 1 while the cursor is
// being taken from it.
std::atomic<std::uint64_t> g_shared_from;
// A position below it may be written; refreshed from the collector's when it is reached.
std::atomic<std::uint64_t> g_shared_limit;
// The end of the lap in which this process writes to the ring's pages for the first time.
std::atomic<std::uint64_t> g_first_lap_end;

// The host's errno is not ours to change.
class ErrnoKept {
 public:
  ErrnoKept() noexcept : saved_(errno) {}
  ~ErrnoKept() { errno = saved_; }
  ErrnoKept(const ErrnoKept&) = delete;
  ErrnoKept& operator=(const ErrnoKept&) = delete;

 private:
  int saved_;
};

// For any position, whoever's.
void commit(std::uint64_t position, std::uint64_t what, std::uint64_t where) noexcept {
  auto* record = reinterpret_cast<ring::Record*>(g_records + position % ring::kRingBytes);
  fetch_ahead(record);
  store(record, (what & ~ring::kLapBit) | (position & ring::kLapBit), where);
}

// Where the lap ends that holds `position`.
constexpr std::uint64_t lap_end(std::uint64_t position) noexcept {
  return position - position % ring::kRingBytes + ring::kRingBytes;
}

// Maps the pages of the next `bytes` in the ring's first lap, all at once: a fault for each costs
// twice as much. Returns the position beyond them, or one that is never reached if no page is
// missing any more. A kernel that cannot do it (before 5.14) leaves it to the faults.
std::uint64_t map_ahead(std::uint64_t position, std::uint64_t bytes) noexcept {
  const std::uint64_t all = g_first_lap_end.load(std::memory_order_relaxed);
  if (position >= all) return ~std::uint64_t{0};
  const std::uint64_t end = std::min(position + bytes, all);
  constexpr std::uint64_t kPageBytes = 4096;
  const std::uint64_t first = position - position % kPageBytes;
  syscall(SYS_madvise, g_records + first % ring::kRingBytes, end - first, MADV_POPULATE_WRITE);
  return end;
}

// Readies the owner of the plain cursor for the lap that holds `next`. The limit is up to the
// caller.
void enter_lap(Thread& thread, std::uint64_t next) noexcept {
  thread.base = reinterpret_cast<std::uintptr_t>(g_records) - (next - next % ring::kRingBytes);
  thread.what = (thread.what & ~ring::kLapBit) | (next & ring::kLapBit);
}

bool is_recording() noexcept { return g_phase.load(std::memory_order_acquire) == Phase::recording; }

std::int64_t nanoseconds_now() noexcept {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Not nanosleep(), which is a cancellation point.
void nap() noexcept {
  const timespec pause = {.tv_sec = 0, .tv_nsec = 100'000};
  syscall(SYS_nanosleep, &pause, nullptr);
}

void switch_off(Thread& thread) noexcept {
  thread.mode = Mode::off;
  thread.limit.store(0);
}

// Recording ends before `position`, in every thread.
void end_recording(Thread& thread, std::uint64_t position) noexcept {
  switch_off(thread);
  g_phase.store(Phase::over);
  std::uint64_t earliest = g_header->stopped_at.load();
  while ((earliest == 0 || position < earliest) &&
         !g_header->stopped_at.compare_exchange_weak(earliest, position)) {
  }
  g_header->state.store(ring::State::stopped);
}

// The first position beyond what the collector lets us write; waits until that is past `last`, or
// gives up and returns 0.
std::uint64_t wait_for_room(std::uint64_t last) noexcept {
  std::uint64_t limit = g_header->read.load(std::memory_order_acquire) + ring::kRingBytes;
  if (last < limit) return limit;
  const std::int64_t deadline = nanoseconds_now() + kPatienceNanoseconds;
  for (unsigned tries = 0; last >= limit; ++tries) {
    if (!is_recording() || nanoseconds_now() >= deadline) return 0;
    if (tries % 64 == 63 && !is_alive(g_header->collector)) return 0;
    tries < 16 ? static_cast<void>(sched_yield()) : nap();
    limit = g_header->read.load(std::memory_order_acquire) + ring::kRingBytes;
  }
  return limit;
}

// `count` positions in a row from the atomic cursor, ready to be written; 0 if recording has ended.
std::uint64_t take_shared(Thread& thread, unsigned count) noexcept {
  if (!is_recording()) {
    switch_off(thread);
    return 0;
  }
  const std::uint64_t bytes = count * sizeof(ring::Record);
  const std::uint64_t position = g_header->reserved.fetch_add(bytes, std::memory_order_acq_rel);
  const std::uint64_t last = position + bytes - sizeof(ring::Record);
  if (last < g_shared_limit.load(std::memory_order_relaxed)) return position;
  const ErrnoKept errno_kept;
  const std::uint64_t limit = wait_for_room(last);
  if (limit == 0) {
    end_recording(thread, position);
    return 0;
  }
  g_shared_limit.store(std::min(limit, map_ahead(position, bytes + kStrideBytes)),
                       std::memory_order_relaxed);
  return position;
}

std::uint64_t wait_for_hand_over() noexcept {
  std::uint64_t from = g_shared_from.load(std::memory_order_acquire);
  while (from <= 1) {
    sched_yield();
    from = g_shared_from.load(std::memory_order_acquire);
  }
  return from;
}

std::uint64_t stride() noexcept {
  return g_header->paused.load(std::memory_order_relaxed) != 0 ? kPausedStrideBytes : kStrideBytes;
}

// Settles what the owner of the plain cursor may do with `position`, at which the limit was
// reached. Three cases: the limit was only out of date; the ring is full; or the cursor has been
// taken away, and then the position is the owner's if and only if it lies before the shared ones.
std::uint64_t settle_plain(Thread& thread, std::uint64_t position, unsigned count) noexcept {
  const ErrnoKept errno_kept;
  const std::uint64_t last = position + (count - 1) * sizeof(ring::Record);
  std::uint64_t limit = g_owner->limit.load();
  if (limit == 0) {
    thread.mode = Mode::shared;
    if (position >= wait_for_hand_over()) return take_shared(thread, count);
  }
  const std::uint64_t room = wait_for_room(last);
  if (room == 0) {
    end_recording(thread, position);
    return 0;
  }
  const std::uint64_t next = last + sizeof(ring::Record);
  enter_lap(thread, next);
  map_ahead(next, stride());
  // Fails when the cursor is taken away just now: the next event will notice.
  if (limit != 0) {
    g_owner->limit.compare_exchange_strong(limit, std::min({room, lap_end(next), next + stride()}));
  }
  return position;
}

// Takes the plain cursor from its owner. Each of the owner's events moves `next` and then reads
// `limit`. The barrier stands between our write of `limit` and our read of `next`, and by its
// effect on every other thread also between those two: so if we do not see the owner's move, the
// owner sees that the limit is gone, compares, and finds its position beyond the shared ones.
void hand_over() noexcept {
  std::uint64_t nobody = 0;
  if (g_shared_from.compare_exchange_strong(nobody, 1)) {
    g_owner->limit.store(0);
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    const std::uint64_t from = g_owner->next.load();
    g_header->reserved.store(from);
    g_shared_from.store(from, std::memory_order_release);
  } else {
    wait_for_hand_over();
  }
}

std::uint64_t next_thread_number() noexcept {
  const std::uint32_t number = g_threads.fetch_add(1);
  return number < ring::kMostThreads ? number : ring::kMostThreads;
}

// The calling thread is the first.
void start_writing(Thread& thread, ring::Header* header) noexcept {
  g_header = header;
  g_records = reinterpret_cast<std::byte*>(header) + ring::kHeaderBytes;
  g_owner = &thread;
  thread.where = next_thread_number() << ring::kThreadShift;
  g_first_lap_end.store(lap_end(ring::kFirstPosition));
  g_shared_limit.store(ring::kFirstPosition);
  const bool is_main_thread = syscall(SYS_gettid) == getpid();
  const bool asks = g_ask.load() != nullptr || g_site_of != nullptr;
  if (is_main_thread && !asks &&
      syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0) {
    thread.next.store(ring::kFirstPosition);
    enter_lap(thread, ring::kFirstPosition);
    thread.limit.store(ring::kFirstPosition + stride());
    thread.mode = Mode::alone;
  } else {
    // Without the barrier, or an owner that stays, a plain cursor cannot be taken away, and its
    // fast path does not ask: the atomic one from the beginning.
    header->reserved.store(ring::kFirstPosition);
    g_shared_from.store(ring::kFirstPosition);
    thread.mode = Mode::shared;
  }
}

// Of the threads that come here at once, one claims the ring and the others wait.
void claim_ring(Thread& thread) noexcept {
  Phase armed = Phase::armed;
  if (!g_phase.compare_exchange_strong(armed, Phase::claiming)) {
    while (g_phase.load() == Phase::claiming) sched_yield();
    return;
  }
  ring::Header* header = g_claim();
  if (header != nullptr) start_writing(thread, header);
  g_phase.store(header == nullptr ? Phase::over : Phase::recording);
}

// REQUIRES: thread.mode is unknown. Afterwards it is not.
void register_thread(Thread& thread) noexcept {
  const ErrnoKept errno_kept;
  const Phase phase = g_phase.load();
  if (phase == Phase::armed || phase == Phase::claiming) claim_ring(thread);
  if (thread.mode != Mode::unknown) return;
  if (!is_recording()) return switch_off(thread);
  thread.where = next_thread_number() << ring::kThreadShift;
  hand_over();
  thread.mode = Mode::shared;
}

// The next `count` positions of the plain cursor.
std::uint64_t advance(Thread& thread, unsigned count) noexcept {
  const std::uint64_t position = thread.next.load(std::memory_order_relaxed);
  thread.next.store(position + count * sizeof(ring::Record), std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return position;
}

// `count` positions in a row for a thread whose plain cursor, which gave `position`, did not do.
std::uint64_t take_slow(Thread& thread, std::uint64_t position, unsigned count) noexcept {
  if (thread.mode == Mode::unknown) {
    register_thread(thread);
    if (thread.mode == Mode::alone) position = advance(thread, count);
  }
  switch (thread.mode) {
    case Mode::alone: return settle_plain(thread, position, count);
    case Mode::shared: return take_shared(thread, count);
    default: return 0;
  }
}

bool is_of_raw(std::uint64_t what) noexcept { return (what >> ring::kDomainShift & 3u) == 0; }

// The event with the interpreter that the thread is in now.
std::uint64_t identified(std::uint64_t what) noexcept {
  constexpr std::uint64_t kInterpreter = std::uint64_t{ring::kMostInterpreters}
                                         << ring::kInterpreterShift;
  const auto ask = g_ask.load(std::memory_order_relaxed);
  if (ask == nullptr || is_of_raw(what)) return what;
  ask();
  return (what & ~kInterpreter) | (t_thread.what & kInterpreter);
}

constexpr bool hands_out_block(std::uint64_t what) noexcept {
  const auto kind = static_cast<ring::Kind>(what & 15u);
  return kind == ring::Kind::malloc || kind == ring::Kind::calloc ||
         kind == ring::Kind::realloc_null || kind == ring::Kind::realloc_end;
}

// REQUIRES: g_site_of. Of a thread whose first event this is, the ring is not known yet.
void tell_site(std::uint64_t what) noexcept {
  if (!hands_out_block(what) || !is_recording()) return;
  const std::uint32_t site = g_site_of((what >> ring::kDomainShift & 3u) != 0);
  const std::uint32_t told = site + g_site_epoch.load(std::memory_order_relaxed);
  if (told == t_thread.site) return;
  t_thread.site = told;
  const std::uint64_t position = take_slow(t_thread, advance(t_thread, 1), 1);
  if (position == 0) return;
  commit(position,
         static_cast<std::uint64_t>(ring::Kind::site) | std::uint64_t{site} << ring::kSizeShift,
         t_thread.where);
}

// A record and the `count` values that follow it.
void commit_with_values(std::uint64_t event, std::uint64_t where, const std::uint64_t* values,
                        unsigned count) noexcept {
  if (g_site_of != nullptr) tell_site(event);
  std::uint64_t position = advance(t_thread, count + 1);
  const std::uint64_t end = position + (count + 1) * sizeof(ring::Record);
  if (end > t_thread.limit.load(std::memory_order_relaxed)) {
    position = take_slow(t_thread, position, count + 1);
    if (position == 0) return;
  }
  // The head last: what follows it is then there as soon as it is.
  for (unsigned i = count; i > 0; --i) {
    commit(position + i * sizeof(ring::Record), static_cast<std::uint64_t>(ring::Kind::wide),
           values[i - 1]);
  }
  commit(position, identified(event | t_thread.what), where | t_thread.where);
}

void commit_wide(std::uint64_t event, const void* address, const std::uint64_t* values,
                 unsigned count) noexcept {
  commit_with_values(event | ring::kWideSize << ring::kSizeShift,
                     reinterpret_cast<std::uint64_t>(address), values, count);
}

}  // namespace

void emit_slow(Unwritten record, std::uint64_t where) noexcept {
  if (g_site_of != nullptr) tell_site(record.what);
  const std::uint64_t settled = take_slow(t_thread, record.position, 1);
  if (settled == 0) return;
  commit(settled, identified(record.what), where | t_thread.where);
  if (g_header->paused.load(std::memory_order_relaxed) != 0 && g_at_pause != nullptr &&
      !is_of_raw(record.what)) {
    g_at_pause();
  }
}

void emit_wide(std::uint64_t event, const void* address, std::uint64_t value) noexcept {
  commit_wide(event, address, &value, 1);
}

void emit_wide(std::uint64_t event, const void* address, std::uint64_t count,
               std::uint64_t size) noexcept {
  const std::uint64_t both[] = {count, size};
  commit_wide(event, address, both, 2);
}

void emit_text(ring::Kind kind, const char* text, std::size_t bytes, std::uint64_t where) noexcept {
  std::uint64_t values[ring::kMostStatisticsBytes / sizeof(std::uint64_t)];
  const auto count = static_cast<unsigned>((bytes + sizeof values[0] - 1) / sizeof values[0]);
  if (count != 0) values[count - 1] = 0;
  std::memcpy(values, text, bytes);
  commit_with_values(static_cast<std::uint64_t>(kind) | bytes << ring::kSizeShift, where, values,
                     count);
}

void emit_statistics(const char* text, std::size_t bytes, std::uint64_t allocated_blocks) noexcept {
  emit_text(ring::Kind::statistics, text, bytes, allocated_blocks);
}

void record_from_first_event(ring::Header* (*claim)() noexcept) noexcept {
  g_claim = claim;
  g_phase.store(Phase::armed);
}

void at_pauses(void (*leave)() noexcept) noexcept { g_at_pause = leave; }

void ask_at_every_event(void (*ask)() noexcept) noexcept {
  g_ask.store(ask);
  if (is_recording() && t_thread.mode == Mode::alone) hand_over();
}

void tell_sites(std::uint32_t (*site_of)(bool holds_gil) noexcept) noexcept { g_site_of = site_of; }

// Positions go on, in a lap with ones for its parity: the fresh ring holds zeroes.
bool continue_in(ring::Header* fresh) noexcept {
  if (!is_recording()) return false;
  if (g_shared_from.load() <= 1) hand_over();
  std::uint64_t first = lap_end(g_header->reserved.load());
  if ((first & ring::kLapBit) == 0) first += ring::kRingBytes;
  fresh->reserved.store(first);
  fresh->read.store(first);
  if (mremap(fresh, ring::kMappingBytes, ring::kMappingBytes, MREMAP_MAYMOVE | MREMAP_FIXED,
             g_header) == MAP_FAILED)
    return false;
  g_first_lap_end.store(lap_end(first));
  g_shared_limit.store(first);
  g_site_epoch.fetch_add(kMostSiteNumbers);
  return true;
}

void note_fork() noexcept {
  t_thread.fork = 0;
  if (!is_recording()) return;
  const std::uint32_t fork = g_forks.fetch_add(1) + 1;
  emit(static_cast<std::uint64_t>(ring::Kind::fork) | std::uint64_t{fork} << ring::kSizeShift,
       nullptr);
  if (is_recording()) t_thread.fork = fork;
}

void continue_in_child(bool is_recorded) noexcept {
  if (g_phase.load() == Phase::armed) return;
  if (!is_recorded || t_thread.fork == 0) {
    g_phase.store(Phase::over);
    return switch_off(t_thread);
  }
  g_origin = {.serial = g_header->serial, .fork = t_thread.fork};
  // No other thread is here. The interpreter and the depth that this one is in stay as they are.
  t_thread.where = 0;
  t_thread.site = kNoSiteTold;
  t_thread.next.store(0);
  t_thread.limit.store(0);
  t_thread.mode = Mode::unknown;
  g_threads.store(0);
  g_forks.store(0);
  g_shared_from.store(0);
  g_phase.store(Phase::armed);
}

ForkOrigin fork_origin() noexcept { return g_origin; }

bool may_record() noexcept { return g_phase.load(std::memory_order_relaxed) != Phase::over; }

bool has_seen_object_requests() noexcept {
  if (!is_recording()) return false;
  const std::uint64_t end =
      g_shared_from.load() != 0 ? g_header->reserved.load() : g_owner->next.load();
  const std::uint64_t recorded = (end - ring::kFirstPosition) / sizeof(ring::Record);
  constexpr std::uint64_t kStartUp = 4096;  // start-up makes tens of raw requests before any other
  if (recorded >= kStartUp) return true;
  const auto* records = reinterpret_cast<const ring::Record*>(g_records);
  for (std::uint64_t i = 0; i < recorded; ++i) {
    if (!is_of_raw(records[i].what)) return true;
  }
  return false;
}

}  // namespace pymemlab::agent
