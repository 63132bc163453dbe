#include "core/pymem/tracemalloc.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

constexpr std::array kTraced = {Domain::raw, Domain::mem, Domain::obj};

// Whose request this thread is in the middle of tracing. Requests made meanwhile pass through.
constinit thread_local const Tracemalloc* t_inside = nullptr;

void print_and_abort(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
  std::abort();
}

}  // namespace

class Tracemalloc::Inside {
 public:
  explicit Inside(const Tracemalloc* tracemalloc) noexcept : before_(t_inside) {
    t_inside = tracemalloc;
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() { t_inside = before_; }

 private:
  const Tracemalloc* before_;
};

// One domain's wrapper. Those of mem and obj are called by who has the GIL; raw's takes it.
template <bool kTakesGil>
struct Tracemalloc::Functions {
  static Gil* gil_of(const Tracemalloc& self) noexcept {
    return kTakesGil ? self.options_.gil : nullptr;
  }

  static void* malloc(void* context, std::size_t size) noexcept {
    const auto& [inner, self] = *static_cast<Wrapper*>(context);
    if (t_inside == self) return inner.malloc(inner.context, size);
    const Inside inside(self);
    const GilHolder holder(gil_of(*self));
    return recorded(*self, inner, inner.malloc(inner.context, size), size);
  }

  // REQUIRES: the product does not overflow, which the public entry points see to.
  static void* calloc(void* context, std::size_t count, std::size_t size) noexcept {
    const auto& [inner, self] = *static_cast<Wrapper*>(context);
    if (t_inside == self) return inner.calloc(inner.context, count, size);
    const Inside inside(self);
    const GilHolder holder(gil_of(*self));
    return recorded(*self, inner, inner.calloc(inner.context, count, size), count * size);
  }

  static void* recorded(Tracemalloc& self, const AllocatorRecord& inner, void* block,
                        std::size_t size) noexcept {
    if (block == nullptr || self.add_block(block, size)) return block;
    inner.free(inner.context, block);
    return nullptr;
  }

  static void* realloc(void* context, void* block, std::size_t size) noexcept {
    const auto& [inner, self] = *static_cast<Wrapper*>(context);
    if (t_inside == self) return inner.realloc(inner.context, block, size);
    const Inside inside(self);
    const GilHolder holder(gil_of(*self));
    void* moved = inner.realloc(inner.context, block, size);
    if (block == nullptr) return recorded(*self, inner, moved, size);
    if (moved == nullptr) return nullptr;
    if (moved != block) self->remove_block(block);
    if (!self->add_block(moved, size)) self->die_in_realloc();
    return moved;
  }

  // Never takes the GIL: CPython frees raw memory where waiting for it would never end.
  static void free(void* context, void* block) noexcept {
    const auto& [inner, self] = *static_cast<Wrapper*>(context);
    if (block == nullptr) return;
    inner.free(inner.context, block);
    self->remove_block(block);
  }

  static AllocatorRecord record(Wrapper& wrapper) noexcept {
    return {
        .context = &wrapper, .malloc = malloc, .calloc = calloc, .realloc = realloc, .free = free};
  }
};

Tracemalloc::Tracemalloc(Memory& memory, const TracemallocOptions& options)
    : memory_(memory), options_(options) {
  if (options_.fatal == nullptr) options_.fatal = print_and_abort;
}

Tracemalloc::~Tracemalloc() { stop(); }

void Tracemalloc::start(int frames) {
  const int limit = memory_.profile().tracemalloc_frames_limit;
  if (frames < 1 || frames > limit) {
    throw InputError("the number of frames must be in range [1; {}]", limit);
  }
  if (tracing_) return;
  frame_limit_ = frames;
  for (const Domain domain : kTraced) {
    Wrapper& wrapper = wrappers_[index(domain)];
    wrapper = {.inner = memory_.get_allocator(domain), .tracemalloc = this};
    memory_.set_allocator(domain, domain == Domain::raw ? Functions<true>::record(wrapper)
                                                        : Functions<false>::record(wrapper));
  }
  memory_.set_traceback_source({.paragraph =
                                    [](void* self, const void* block) {
                                      return static_cast<const Tracemalloc*>(self)->dump_paragraph(
                                          block);
                                    },
                                .context = this});
  const std::scoped_lock lock(mutex_);
  tracing_ = true;
}

void Tracemalloc::stop() noexcept {
  if (!tracing_) return;
  {
    const std::scoped_lock lock(mutex_);
    tracing_ = false;
    forget_all();
  }
  for (const Domain domain : kTraced) {
    memory_.set_allocator(domain, wrappers_[index(domain)].inner);
  }
  memory_.set_traceback_source({});
}

Tracemalloc::TrackResult Tracemalloc::track(unsigned domain, std::uintptr_t block,
                                            std::size_t bytes) noexcept {
  if (!tracing_) return TrackResult::not_tracing;
  const GilHolder holder(options_.gil);
  const Inside inside(this);
  return add({domain, block}, bytes);
}

Tracemalloc::TrackResult Tracemalloc::untrack(unsigned domain, std::uintptr_t block) noexcept {
  const std::scoped_lock lock(mutex_);
  if (!tracing_) return TrackResult::not_tracing;
  erase({domain, block});
  return TrackResult::ok;
}

// False if it had to be traced and could not.
bool Tracemalloc::add_block(const void* block, std::size_t bytes) noexcept {
  return add({kDefaultDomain, reinterpret_cast<std::uintptr_t>(block)}, bytes) !=
         TrackResult::no_memory;
}

void Tracemalloc::remove_block(const void* block) noexcept {
  const std::scoped_lock lock(mutex_);
  erase({kDefaultDomain, reinterpret_cast<std::uintptr_t>(block)});
}

// The frames are asked for before the lock is taken: who is asked may allocate and free.
Tracemalloc::TrackResult Tracemalloc::add(Key key, std::size_t bytes) noexcept try {
  if (options_.may_store != nullptr && !options_.may_store(options_.may_store_context)) {
    return TrackResult::no_memory;
  }
  Traceback frames;
  if (options_.frames.collect != nullptr) {
    const auto limit = static_cast<std::size_t>(frame_limit_.load());
    options_.frames.collect(options_.frames.context, limit, frames);
    frames.resize(std::min(frames.size(), limit));
  }
  if (frames.empty()) frames.push_back({.file = "<unknown>", .line = 0});

  const std::scoped_lock lock(mutex_);
  if (!tracing_) return TrackResult::not_tracing;
  const auto [at, is_new] = traces_.try_emplace(key);
  try {
    at->second.frames = &interned(frames);
  } catch (const std::bad_alloc&) {
    if (is_new) traces_.erase(at);
    throw;
  }
  traced_.current_bytes += bytes - at->second.bytes;
  traced_.peak_bytes = std::max(traced_.peak_bytes, traced_.current_bytes);
  at->second.bytes = bytes;
  return TrackResult::ok;
} catch (const std::bad_alloc&) {
  return TrackResult::no_memory;
}

// The one copy of that traceback, with names that stay.
const Traceback& Tracemalloc::interned(Traceback& frames) {
  const auto known = tracebacks_.find(frames);
  if (known != tracebacks_.end()) return *known;
  for (Frame& frame : frames) {
    auto name = names_.find(frame.file);
    if (name == names_.end()) name = names_.emplace(frame.file).first;
    frame.file = *name;
  }
  return *tracebacks_.insert(std::move(frames)).first;
}

void Tracemalloc::erase(Key key) noexcept {
  const auto at = traces_.find(key);
  if (at == traces_.end()) return;
  traced_.current_bytes -= at->second.bytes;
  traces_.erase(at);
}

// The names stay: answers already given refer to them.
void Tracemalloc::forget_all() noexcept {
  traces_.clear();
  tracebacks_.clear();
  traced_ = {};
}

TracedMemory Tracemalloc::traced_memory() const noexcept {
  const std::scoped_lock lock(mutex_);
  return traced_;
}

void Tracemalloc::reset_peak() noexcept {
  const std::scoped_lock lock(mutex_);
  traced_.peak_bytes = traced_.current_bytes;
}

void Tracemalloc::clear() noexcept {
  const std::scoped_lock lock(mutex_);
  forget_all();
}

Traceback Tracemalloc::traceback(unsigned domain, std::uintptr_t block) const {
  const std::scoped_lock lock(mutex_);
  const auto at = traces_.find({domain, block});
  return at == traces_.end() ? Traceback() : *at->second.frames;
}

std::vector<BlockTrace> Tracemalloc::traces() const {
  const std::scoped_lock lock(mutex_);
  std::vector<BlockTrace> all;
  all.reserve(traces_.size());
  for (const auto& [key, trace] : traces_) {
    all.push_back({key.domain, key.block, trace.bytes, *trace.frames});
  }
  return all;
}

std::string Tracemalloc::dump_paragraph(const void* block) const {
  const Traceback frames = traceback(kDefaultDomain, reinterpret_cast<std::uintptr_t>(block));
  if (frames.empty()) return {};
  std::string text = "Memory block allocated at (most recent call first):\n";
  for (const Frame& frame : frames) {
    text += fmt::format("  File \"{}\", line {}\n", frame.file, frame.line);
  }
  return text + "\n";
}

void Tracemalloc::die_in_realloc() const noexcept {
  options_.fatal(fatal_error_text("tracemalloc_realloc",
                                  "tracemalloc_realloc() failed to allocate a trace",
                                  memory_.profile()));
  std::abort();
}

}  // namespace pymemlab
