#include "core/record/agent/hooks.h"

#include <array>
#include <atomic>

#include "core/record/agent/checkpoints.h"
#include "core/record/agent/ring_writer.h"

namespace pymemlab::agent {
namespace {

using ring::Kind;

// What is called from within a hook. A set is never changed or left once it is installed: the
// interpreter may have saved it and may put it back. If two sets come to stand in one chain, the
// inner one's events are nested.
using Records = std::array<AllocatorRecord, kDomains>;
struct Installed {
  Records inner;
};
constexpr unsigned kMostInstallations = 4;
std::array<Installed, kMostInstallations> g_installed;
unsigned g_installations;
Arrival g_arrival;

PythonApi g_api;
ArenaRecord g_arena;
// 3.12+: the first interpreter, and whether there has been another.
void* g_first_interpreter;
std::atomic<bool> g_has_several;
std::atomic<bool> g_settled;
constinit const std::atomic<std::uint32_t> g_for_good = 1;
// Whether the collector has paused recording, and whether we have left out requests since.
constinit const std::atomic<std::uint32_t>* g_paused = &g_for_good;
std::atomic<bool> g_stands_by;

constexpr std::uint64_t head(Kind kind, unsigned domain, std::uint64_t size) noexcept {
  return (size << ring::kSizeShift) + (domain << ring::kDomainShift) + static_cast<unsigned>(kind);
}

// The thread is inside an allocator; what the allocator itself requests meanwhile is nested.
class Inside {
 public:
  Inside() noexcept { t_thread.what += ring::kDepthUnit; }
  ~Inside() { t_thread.what -= ring::kDepthUnit; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
};

void identify_interpreter() noexcept {
  void* state = g_api.current_thread();
  if (state == nullptr) return;
  void* interpreter = g_api.interpreter_of(state);
  const std::int64_t id = g_api.interpreter_id(interpreter);
  if (id == t_thread.interpreter_id) return;
  t_thread.interpreter_id = id;
  t_thread.what = (t_thread.what & (ring::kDepthMask | ring::kLapBit)) |
                  std::uint64_t{allocator_identity(g_api, interpreter)} << ring::kInterpreterShift;
}

// Up to 3.11 there is one allocator state for all. From 3.12 on an interpreter may have its own,
// and asks for an arena before it has a block: that is when to look. From then on every event of
// mem and obj tells whose it is; raw requests need no thread state and keep what the thread's last
// one said.
void look_for_interpreters() noexcept {
  if (!g_api.tells_interpreters()) return;
  void* newest = g_api.newest_interpreter();
  if (g_first_interpreter == nullptr) g_first_interpreter = newest;
  if (newest != g_first_interpreter && !g_has_several.exchange(true)) {
    ask_at_every_event(identify_interpreter);
  }
  if (g_has_several.load(std::memory_order_relaxed)) identify_interpreter();
}

// Larger sizes follow their record though more would fit: this much an instruction compares with.
constexpr std::uint64_t kMostInRecord = 0x7FFFFFFF;
static_assert(kMostInRecord < ring::kWideSize);

inline void emit_sized(Kind kind, unsigned domain, std::uint64_t size,
                       const void* address) noexcept {
  if (size <= kMostInRecord) [[likely]]
    return emit(head(kind, domain, size), address);
  emit_wide(head(kind, domain, 0), address, size);
}

// What a hook calls. One that is put into a running process leaves the context as it was and does
// not look at it: another thread may have read the record's context before, and its function after.
template <unsigned kDomain, Arrival kArrival>
const AllocatorRecord& inner_of(void* ctx) noexcept {
  if constexpr (kArrival == Arrival::running) return g_installed[0].inner[kDomain];
  return *static_cast<const AllocatorRecord*>(ctx);
}

// The record of a Hook or a Standby.
template <typename Functions, Arrival kArrival>
AllocatorRecord record_of(AllocatorRecord* inner) noexcept {
  void* const ctx = kArrival == Arrival::running ? inner->ctx : inner;
  return {ctx, Functions::malloc, Functions::calloc, Functions::realloc, Functions::free};
}

template <unsigned kDomain, Arrival kArrival>
struct Hook {
  static void* malloc(void* ctx, std::size_t size) {
    const AllocatorRecord& inner = inner_of<kDomain, kArrival>(ctx);
    void* block = nullptr;
    {
      const Inside inside;
      block = inner.malloc(inner.ctx, size);
    }
    emit_sized(Kind::malloc, kDomain, size, block);
    return block;
  }

  static void* calloc(void* ctx, std::size_t count, std::size_t size) {
    const AllocatorRecord& inner = inner_of<kDomain, kArrival>(ctx);
    void* block = nullptr;
    {
      const Inside inside;
      block = inner.calloc(inner.ctx, count, size);
    }
    if (count == 1 && size <= kMostInRecord) {
      emit(head(Kind::calloc, kDomain, size), block);
    } else {
      emit_wide(head(Kind::calloc, kDomain, 0), block, count, size);
    }
    return block;
  }

  static void* realloc(void* ctx, void* block, std::size_t size) {
    const AllocatorRecord& inner = inner_of<kDomain, kArrival>(ctx);
    if (block != nullptr) emit_sized(Kind::realloc_begin, kDomain, size, block);
    void* moved = nullptr;
    {
      const Inside inside;
      moved = inner.realloc(inner.ctx, block, size);
    }
    if (block != nullptr) {
      emit(head(Kind::realloc_end, kDomain, 0), moved);
    } else {
      emit_sized(Kind::realloc_null, kDomain, size, moved);
    }
    return moved;
  }

  static void free(void* ctx, void* block) {
    Unwritten left;
    if (!emit_fast(head(Kind::free, kDomain, 0), block, left)) [[unlikely]]
      return free_slow(ctx, block, left);
    pass_free(ctx, block);
  }

 private:
  static void pass_free(void* ctx, void* block) {
    const AllocatorRecord& inner = inner_of<kDomain, kArrival>(ctx);
    const Inside inside;
    inner.free(inner.ctx, block);
  }
  // Apart, so that the fast path has nothing to keep across a call of its own.
  [[gnu::noinline]] static void free_slow(void* ctx, void* block, Unwritten left) {
    emit_slow(left, reinterpret_cast<std::uint64_t>(block));
    pass_free(ctx, block);
  }
};

void leave_standby() noexcept;

// What stands in a hook's place during a pause, with the same context: it passes requests on and
// tells nobody. The end of a pause shows in mem and obj, whose callers hold the GIL; raw follows
// them, so that no request is recorded as the program's own that an unrecorded one has made. If it
// could not be replaced, as somebody stands in front, it does as the hook would.
template <unsigned kDomain, Arrival kArrival>
struct Standby {
  using Awake = Hook<kDomain, kArrival>;

  static bool passes() noexcept {
    if (kDomain == kRaw) return g_stands_by.load(std::memory_order_relaxed);
    return g_paused->load(std::memory_order_relaxed) != 0;
  }
  static const AllocatorRecord& inner(void* ctx) noexcept {
    return inner_of<kDomain, kArrival>(ctx);
  }
  // Out of line, so that passing on takes seven instructions.
  template <auto kHook, typename... Arguments>
  [[gnu::noinline]] static auto go_on(Arguments... arguments) {
    if (kDomain != kRaw && g_stands_by.load(std::memory_order_relaxed)) leave_standby();
    return kHook(arguments...);
  }

  static void* malloc(void* ctx, std::size_t size) {
    if (!passes()) return go_on<Awake::malloc>(ctx, size);
    return inner(ctx).malloc(inner(ctx).ctx, size);
  }
  static void* calloc(void* ctx, std::size_t count, std::size_t size) {
    if (!passes()) return go_on<Awake::calloc>(ctx, count, size);
    return inner(ctx).calloc(inner(ctx).ctx, count, size);
  }
  static void* realloc(void* ctx, void* block, std::size_t size) {
    if (!passes()) return go_on<Awake::realloc>(ctx, block, size);
    return inner(ctx).realloc(inner(ctx).ctx, block, size);
  }
  static void free(void* ctx, void* block) {
    if (!passes()) return go_on<Awake::free>(ctx, block);
    inner(ctx).free(inner(ctx).ctx, block);
  }
};

void* arena_alloc(void* ctx, std::size_t size) {
  restore_hooks();
  look_for_interpreters();
  const bool stands_by = g_stands_by.load(std::memory_order_relaxed);
  if (!stands_by) before_arena_request((t_thread.what & ring::kDepthMask) != 0);
  void* arena = g_arena.alloc(ctx, size);
  // Nobody has counted the depth; the interpreter's data stack grows by 16 KiB.
  constexpr std::size_t kLeastArenaBytes = 256 * 1024;
  if (stands_by && size >= kLeastArenaBytes) {
    const Inside inside;
    emit_sized(Kind::arena_alloc, 0, size, arena);
  } else {
    emit_sized(Kind::arena_alloc, 0, size, arena);
  }
  return arena;
}

void arena_free(void* ctx, void* arena, std::size_t size) {
  emit_sized(Kind::arena_free, 0, size, arena);
  g_arena.free(ctx, arena, size);
}

template <template <unsigned, Arrival> typename Functions, Arrival kArrival>
Records records_of(Records& inner) noexcept {
  return {record_of<Functions<kRaw, kArrival>, kArrival>(&inner[kRaw]),
          record_of<Functions<kMem, kArrival>, kArrival>(&inner[kMem]),
          record_of<Functions<kObj, kArrival>, kArrival>(&inner[kObj])};
}

template <template <unsigned, Arrival> typename Functions>
Records records_of(Records& inner) noexcept {
  return g_arrival == Arrival::running ? records_of<Functions, Arrival::running>(inner)
                                       : records_of<Functions, Arrival::early>(inner);
}

// A record is not replaced at once: other threads without the GIL, or with that of another
// interpreter, may find some of its functions new and others old. First those that release, then
// those that hand out: no block is seen to be allocated and not to be freed.
void hook_releases(int domain, const AllocatorRecord& ours) noexcept {
  AllocatorRecord partial = {};
  g_api.get_allocator(domain, &partial);
  partial.free = ours.free;
  g_api.set_allocator(domain, &partial);
  partial.realloc = ours.realloc;
  g_api.set_allocator(domain, &partial);
}

void install_all_domains() noexcept {
  Records& inner = g_installed[g_installations].inner;
  for (int domain = 0; domain < kDomains; ++domain)
    g_api.get_allocator(domain, &inner[static_cast<std::size_t>(domain)]);
  Records ours = records_of<Hook>(inner);
  // Raw last: what an allocator that nobody sees yet asks of it is not the program's own request.
  for (const int domain : {kObj, kMem, kRaw}) {
    AllocatorRecord& record = ours[static_cast<std::size_t>(domain)];
    if (g_arrival == Arrival::running) hook_releases(domain, record);
    g_api.set_allocator(domain, &record);
  }
  ++g_installations;
}

bool is_ours(int domain) noexcept {
  AllocatorRecord current = {};
  g_api.get_allocator(domain, &current);
  const auto at = static_cast<std::size_t>(domain);
  Records& inner = g_installed[g_installations - 1].inner;
  if (g_arrival == Arrival::early) return current.ctx == &inner[at];
  return current.malloc == records_of<Hook>(inner)[at].malloc ||
         current.malloc == records_of<Standby>(inner)[at].malloc;
}

// Of `ours` those take the place of what is there for which that is ours too. A thread that reads
// raw's record meanwhile finds one function or the other, each with its context.
void replace_ours(Records ours) noexcept {
  for (int domain = 0; domain < kDomains; ++domain) {
    if (is_ours(domain)) g_api.set_allocator(domain, &ours[static_cast<std::size_t>(domain)]);
  }
}

void enter_standby() noexcept {
  if (g_stands_by.exchange(true)) return;
  replace_ours(records_of<Standby>(g_installed[g_installations - 1].inner));
}

void leave_standby() noexcept {
  emit(static_cast<std::uint64_t>(Kind::resume), nullptr);
  g_stands_by.store(false);
  replace_ours(records_of<Hook>(g_installed[g_installations - 1].inner));
}

// Those that were there before the agent.
void meet_interpreters() noexcept {
  if (!g_api.tells_interpreters()) return;
  void* const newest = g_api.newest_interpreter();
  if (g_api.interpreter_id(newest) == 0) {
    g_first_interpreter = newest;
    return;
  }
  g_first_interpreter = &g_first_interpreter;  // some other than any that comes to be the newest
  g_has_several.store(true);
  ask_at_every_event(identify_interpreter);
}

}  // namespace

void install_hooks(const PythonApi& api, Arrival arrival) noexcept {
  g_api = api;
  g_arrival = arrival;
  if (arrival == Arrival::running) {
    g_settled.store(true);
    meet_interpreters();
  }
  install_all_domains();
  g_api.get_arena_allocator(&g_arena);
  ArenaRecord ours = {g_arena.ctx, arena_alloc, arena_free};
  g_api.set_arena_allocator(&ours);
  at_pauses(enter_standby);
}

void obey_pauses(const std::atomic<std::uint32_t>* paused) noexcept {
  g_paused = paused == nullptr ? &g_for_good : paused;
}

const AllocatorRecord& below_object_hook() noexcept {
  return g_installed[g_installations - 1].inner[kObj];
}

bool is_alone(const PythonApi& api) noexcept {
  return !api.tells_interpreters() || api.newest_interpreter() == g_first_interpreter;
}

bool are_hooks_installed() noexcept { return g_installations != 0; }

void restore_hooks() noexcept {
  if (!are_hooks_installed() || g_settled.load(std::memory_order_relaxed)) return;
  if (!may_record() || has_seen_object_requests() || g_installations == kMostInstallations) {
    g_settled.store(true);
    return;
  }
  if (!is_ours(kMem) && !is_ours(kObj)) install_all_domains();
}

}  // namespace pymemlab::agent
