#include "core/record/assembler.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace pymemlab {
namespace {

constexpr std::uint64_t kSmallRequest = 512;
// So many pymalloc blocks without one at an odd multiple of 8 show 16-byte alignment.
constexpr std::uint64_t kEnoughBlocks = 1000;
// A block's table entry is fetched so many records before it is needed.
constexpr std::size_t kFetchAhead = 12;

}  // namespace

Slot Assembler::Numbering::of(std::uint32_t number) {
  if (number >= numbers.size()) numbers.resize(number + 1, kNoSlot);
  if (numbers[number] == kNoSlot) numbers[number] = given++;
  return numbers[number];
}

Assembler::Call Assembler::decode(const ring::Record& record) noexcept {
  return {
      .kind = static_cast<ring::Kind>(record.what & 15u),
      .domain = static_cast<Domain>(record.what >> ring::kDomainShift & 3u),
      .nested = (record.what & ring::kDepthMask) != 0,
      .thread = static_cast<std::uint32_t>(record.where >> ring::kThreadShift),
      .interpreter = static_cast<std::uint32_t>(record.what >> ring::kInterpreterShift &
                                                ring::kMostInterpreters),
      .count = 1,
      .size = record.what >> ring::kSizeShift,
      .address = record.where & ring::kAddressMask,
  };
}

void Assembler::take(std::span<const ring::Record> records) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i + kFetchAhead < records.size()) {
      const ring::Record& ahead = records[i + kFetchAhead];
      layers_[(ahead.what & ring::kDepthMask) != 0].prefetch(ahead.where & ring::kAddressMask);
    }
    const ring::Record& record = records[i];
    Call call = decode(record);
    if (call.kind == ring::Kind::wide) {
      take_value(record.where);
    } else if (const std::size_t values = values_after(call); values != 0) [[unlikely]] {
      wide_ = call;
      wide_missing_ = values;
      wide_values_.clear();
    } else {
      take_one(call);
    }
  }
}

std::size_t Assembler::values_after(const Call& call) noexcept {
  if (call.kind == ring::Kind::statistics || call.kind == ring::Kind::new_site)
    return (call.size + 7) / sizeof(std::uint64_t);
  if (call.size != ring::kWideSize) return 0;
  return call.kind == ring::Kind::calloc ? 2 : 1;
}

void Assembler::take_value(std::uint64_t value) {
  // Without its event, which the writer then did not live to commit, a value means nothing.
  if (wide_missing_ == 0) return;
  wide_values_.push_back(value);
  if (--wide_missing_ != 0) return;
  if (wide_.kind != ring::Kind::statistics && wide_.kind != ring::Kind::new_site) {
    wide_.count = wide_.kind == ring::Kind::calloc ? wide_values_.front() : 1;
    wide_.size = wide_values_.back();
  }
  take_one(wide_);
}

void Assembler::take_one(const Call& call) {
  if (call.kind == ring::Kind::site) return take_site(call);
  if (call.kind == ring::Kind::new_site) return take_new_site(call);
  if (unannounced_ != 0) announce_others(call.thread);
  switch (call.kind) {
    case ring::Kind::malloc: return allocate(call, EventKind::malloc);
    case ring::Kind::calloc: return allocate(call, EventKind::calloc);
    case ring::Kind::realloc_null: return allocate(call, EventKind::realloc_null);
    case ring::Kind::realloc_begin: return begin_realloc(call);
    case ring::Kind::realloc_end: return end_realloc(call);
    case ring::Kind::free: return release(call);
    case ring::Kind::arena_alloc: return take_arena(call);
    case ring::Kind::arena_free: return release_arena(call);
    case ring::Kind::statistics: return take_statistics(call);
    case ring::Kind::fork: return take_fork(call);
    case ring::Kind::resume: return take_gap();
    case ring::Kind::site:
    case ring::Kind::new_site:
    case ring::Kind::wide: return;
  }
}

void Assembler::switch_to(const Call& call) {
  if (call.thread != threads_.current) {
    threads_.current = call.thread;
    writer_.append({.kind = EventKind::thread, .slot = threads_.of(call.thread)});
  }
  if (call.interpreter != interpreters_.current) {
    interpreters_.current = call.interpreter;
    writer_.append({.kind = EventKind::interpreter, .slot = interpreters_.of(call.interpreter)});
  }
}

// An event of `thread` comes while reallocs of others are open: their begin has to be told.
void Assembler::announce_others(std::uint32_t thread) {
  for (OpenRealloc& open : open_) {
    if (open.announced || open.call.thread == thread) continue;
    open.announced = true;
    --unannounced_;
    if (open.slot == kNoSlot) continue;
    switch_to(open.call);
    writer_.append({.kind = EventKind::realloc_begin,
                    .domain = open.call.domain,
                    .nested = open.call.nested,
                    .slot = open.slot});
  }
}

[[gnu::flatten]] void Assembler::allocate(const Call& call, EventKind kind) {
  switch_to(call);
  if (has_gaps_) close_former(call);
  const bool failed = call.address == 0;
  const Slot slot = writer_.append({.kind = kind,
                                    .domain = call.domain,
                                    .nested = call.nested,
                                    .failed = failed,
                                    .count = call.count,
                                    .size = call.size,
                                    .address = call.address,
                                    .site = site_of(call)});
  if (failed) return;
  put_slot(call, slot);
  observe(call);
}

[[gnu::flatten]] void Assembler::release(const Call& call) {
  switch_to(call);
  Operation operation = {.kind = EventKind::free, .domain = call.domain, .nested = call.nested};
  if (call.address != 0) {
    operation.slot = take_slot(call);
    if (operation.slot == kNoSlot) {
      operation.kind = EventKind::free_unknown;
      operation.address = call.address;
      ++unknown_blocks_;
    }
  }
  writer_.append(operation);
}

// From here on the address may be anybody's.
void Assembler::begin_realloc(const Call& call) {
  open_.push_back({.call = call, .slot = take_slot(call), .announced = false});
  ++unannounced_;
}

void Assembler::end_realloc(const Call& call) {
  const auto found = std::find_if(open_.rbegin(), open_.rend(), [&call](const OpenRealloc& open) {
    return open.call.thread == call.thread && open.call.nested == call.nested;
  });
  if (found == open_.rend()) return;
  const OpenRealloc open = *found;
  open_.erase(std::next(found).base());
  if (!open.announced) --unannounced_;
  switch_to(call);
  if (has_gaps_) close_former(call);
  Operation operation = {.kind = EventKind::realloc,
                         .domain = call.domain,
                         .nested = call.nested,
                         .failed = call.address == 0,
                         .slot = open.slot,
                         .size = open.call.size,
                         .address = call.address,
                         .site = site_of(call)};
  if (open.slot == kNoSlot) {
    operation.kind = EventKind::realloc_unknown;
    operation.old_address = open.call.address;
    ++unknown_blocks_;
  }
  const Slot slot = writer_.append(operation);
  if (!operation.failed) {
    put_slot(call, slot);
  } else if (open.slot != kNoSlot) {
    put_slot(open.call, open.slot);
  }
}

void Assembler::take_statistics(const Call& call) {
  switch_to(call);
  Checkpoint checkpoint{.moment = call.nested ? Checkpoint::Moment::arena_request
                                              : Checkpoint::Moment::end};
  checkpoint.statistics.assign(reinterpret_cast<const char*>(wide_values_.data()), call.size);
  if (call.address != ring::kUnknownBlocks) checkpoint.allocated_blocks = call.address;
  writer_.mark(checkpoint.mark_text());
}

void Assembler::take_fork(const Call& call) {
  switch_to(call);
  writer_.mark("fork");
  if (at_fork_) at_fork_(static_cast<std::uint32_t>(call.size), fork_point(call));
}

Assembler::ForkPoint Assembler::fork_point(const ring::Record& record) {
  return fork_point(decode(record));
}

Assembler::ForkPoint Assembler::fork_point(const Call& call) {
  ForkPoint point;
  point.events = writer_.events();
  point.threads.numbers = {threads_.of(call.thread)};
  point.threads.given = threads_.given;
  point.interpreters = interpreters_;
  point.sites = sites_;
  point.shown = shown_;
  return point;
}

void Assembler::take_gap() noexcept {
  has_gaps_ = true;
  open_.clear();
  unannounced_ = 0;
}

void Assembler::close_former(const Call& call) {
  if (call.address == 0) return;
  const Slot slot = layers_[call.nested].take(call.address);
  if (slot == kNoSlot) return;
  writer_.append({.kind = EventKind::free,
                  .domain = writer_.domain_of(slot),
                  .nested = call.nested,
                  .slot = slot});
}

void Assembler::take_site(const Call& call) {
  if (call.thread >= places_.size()) places_.resize(call.thread + 1, kNoSite);
  const bool known = call.size < sites_.numbers.size();
  places_[call.thread] = known ? sites_.numbers[call.size] : kNoSite;
}

void Assembler::take_new_site(const Call& call) {
  constexpr std::size_t kNumbers = 2 * sizeof(std::uint32_t);
  const auto* bytes = reinterpret_cast<const char*>(wide_values_.data());
  if (call.size < kNumbers || call.address != sites_.numbers.size()) return;
  Site site;
  std::uint32_t caller = 0;
  std::memcpy(&caller, bytes, sizeof caller);
  std::memcpy(&site.line, bytes + sizeof caller, sizeof site.line);
  const std::string_view names(bytes + kNumbers, call.size - kNumbers);
  const std::size_t zero = std::min(names.find('\0'), names.size());
  site.caller = caller < sites_.numbers.size() ? sites_.numbers[caller] : kNoSite;
  site.file = names.substr(0, zero);
  site.function = names.substr(std::min(zero + 1, names.size()));
  std::string key(reinterpret_cast<const char*>(&site.caller), sizeof site.caller);
  key.append(bytes + sizeof caller, call.size - sizeof caller);
  const auto [told, is_new] = sites_.told.try_emplace(std::move(key), kNoSite);
  if (is_new) told->second = writer_.add_site(site);
  sites_.numbers.push_back(told->second);
}

void Assembler::start_from(const ForkPoint& point) {
  threads_ = point.threads;
  interpreters_ = point.interpreters;
  sites_ = point.sites;
  shown_ = point.shown;
}

void Assembler::take_arena(const Call& call) {
  switch_to(call);
  const Slot ordinal = arena_requests_++;
  if (call.address != 0) arenas_[call.address] = ordinal;
  if (call.nested && shown_.arena_bytes == 0) shown_.arena_bytes = call.size;
  writer_.append({.kind = EventKind::arena_alloc,
                  .nested = call.nested,
                  .failed = call.address == 0,
                  .slot = ordinal,
                  .size = call.size,
                  .address = call.address});
}

void Assembler::release_arena(const Call& call) {
  switch_to(call);
  Operation operation = {.kind = EventKind::arena_free,
                         .nested = call.nested,
                         .size = call.size,
                         .address = call.address};
  if (const auto found = arenas_.find(call.address); found != arenas_.end()) {
    operation.slot = found->second;
    arenas_.erase(found);
  }
  writer_.append(operation);
}

Slot Assembler::take_slot(const Call& call) {
  const Slot slot = layers_[call.nested].take(call.address);
  return slot != kNoSlot ? slot : layers_[!call.nested].take(call.address);
}

void Assembler::put_slot(const Call& call, Slot slot) {
  if (layers_[call.nested].put(call.address, slot) != kNoSlot) ++missed_frees_;
}

void Assembler::observe(const Call& call) noexcept {
  if (shown_.arena_bytes == 0 || call.nested || call.domain == Domain::raw ||
      call.size > kSmallRequest)
    return;
  ++shown_.small_blocks;
  shown_.half_aligned = shown_.half_aligned || call.address % 16 == 8;
}

std::uint64_t Assembler::alignment() const noexcept {
  if (shown_.half_aligned) return 8;
  return shown_.small_blocks >= kEnoughBlocks ? 16 : 0;
}

}  // namespace pymemlab
