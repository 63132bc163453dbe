#include "core/trace/formats/call_log.h"

#include <algorithm>
#include <limits>

#include "core/base/input_error.h"
#include "core/trace/event_coding.h"

namespace pymemlab {

CallLog::CallLog(const std::string& from, const std::string& to, TraceMetadata metadata,
                 const TraceWriterOptions& options, TakenAddress taken)
    : from_(from), trace_(TraceWriter::create(to, std::move(metadata), options)), taken_(taken) {}

void CallLog::thread(std::uint64_t id) {
  const auto [place, is_new] = threads_.emplace(id, static_cast<Slot>(threads_.size()));
  if (is_new && threads_.size() > kMaxContexts)
    throw InputError("{}: has calls of more than {} threads, which is the most a trace can hold",
                     from_, kMaxContexts);
  if (place->second == thread_) return;
  thread_ = place->second;
  trace_.append({.kind = EventKind::thread, .slot = thread_});
}

void CallLog::malloc(std::uint64_t address, std::uint64_t size) {
  allocate({.failed = address == 0, .size = size, .address = address});
}

void CallLog::calloc(std::uint64_t address, std::uint64_t count, std::uint64_t size) {
  if (count != 0 && size > std::numeric_limits<std::uint64_t>::max() / count)
    return note("callocs whose bytes do not fit 64 bits were left out");
  allocate({.kind = EventKind::calloc,
            .failed = address == 0,
            .count = count,
            .size = size,
            .address = address});
}

void CallLog::realloc(std::uint64_t old, std::uint64_t address, std::uint64_t size) {
  const bool failed = address == 0;
  if (old == 0)
    return allocate(
        {.kind = EventKind::realloc_null, .failed = failed, .size = size, .address = address});
  if (failed && size == 0) return free(old);
  const auto found = live_.find(old);
  if (found == live_.end())
    return allocate({.kind = EventKind::realloc_unknown,
                     .failed = failed,
                     .size = size,
                     .address = address,
                     .old_address = old});
  const Slot slot = found->second;
  if (address != old && !failed) make_room(address);
  trace_.append({.kind = EventKind::realloc,
                 .domain = domain_,
                 .failed = failed,
                 .slot = slot,
                 .size = size,
                 .address = address});
  if (failed || address == old) return;
  take(old);
  put(address, slot);
}

void CallLog::free(std::uint64_t address) {
  if (address == 0) return trace_.free(domain_, kNoSlot);
  const std::optional<Slot> slot = take(address);
  if (slot) return trace_.free(domain_, *slot);
  trace_.append({.kind = EventKind::free_unknown, .domain = domain_, .address = address});
}

void CallLog::allocate(const Operation& operation) {
  Operation event = operation;
  event.domain = domain_;
  if (!event.failed) make_room(event.address);
  const Slot slot = trace_.append(event);
  if (!event.failed) put(event.address, slot);
}

void CallLog::make_room(std::uint64_t address) {
  if (live_.count(address) == 0) return;
  if (taken_ == TakenAddress::lost_free) {
    note("frees are missing and were put where the address was given again");
    free(address);
  } else {
    note("allocations were logged before the free that made room for them");
  }
}

std::optional<Slot> CallLog::take(std::uint64_t address) {
  const auto found = live_.find(address);
  if (found == live_.end()) return std::nullopt;
  const Slot slot = found->second;
  const auto more = later_.find(address);
  if (more == later_.end()) {
    live_.erase(found);
    return slot;
  }
  found->second = more->second.front();
  more->second.pop_front();
  if (more->second.empty()) later_.erase(more);
  return slot;
}

void CallLog::put(std::uint64_t address, Slot slot) {
  if (!live_.emplace(address, slot).second) later_[address].push_back(slot);
}

void CallLog::note(std::string_view sentence) {
  const auto found = std::find_if(notes_.begin(), notes_.end(),
                                  [&](const auto& note) { return note.first == sentence; });
  if (found != notes_.end()) {
    ++found->second;
  } else {
    notes_.emplace_back(sentence, 1);
  }
}

ConversionReport CallLog::finish(std::optional<std::string> damage) {
  ConversionReport report{.losses = {}, .damage = std::move(damage)};
  for (const auto& [sentence, count] : notes_)
    report.losses.push_back(fmt::format("{} {}", count, sentence));
  if (!report.losses.empty()) trace_.metadata().extra["notes"] = report.losses;
  trace_.finish();
  return report;
}

}  // namespace pymemlab
