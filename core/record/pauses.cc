#include "core/record/pauses.h"

#include <algorithm>
#include <utility>

#include "core/trace/approximate.h"

namespace pymemlab {

std::vector<ring::Record> Pauses::end() {
  if (has_started_) {
    ++gaps_;
  } else {
    began_late_ = true;
  }
  has_started_ = true;
  paused_ = false;
  return std::exchange(arenas_, {});
}

void Pauses::keep_arena(const ring::Record& record) {
  constexpr auto address = [](const ring::Record& of) { return of.where & ring::kAddressMask; };
  constexpr auto kind = [](const ring::Record& of) {
    return static_cast<ring::Kind>(of.what & 15u);
  };
  if (kind(record) == ring::Kind::arena_free) {
    const auto request =
        std::find_if(arenas_.rbegin(), arenas_.rend(),
                     [&](const ring::Record& kept) { return address(kept) == address(record); });
    if (request != arenas_.rend() && kind(*request) == ring::Kind::arena_alloc) {
      arenas_.erase(std::next(request).base());
      return;
    }
  }
  arenas_.push_back(record);
}

void Pauses::describe(TraceMetadata& metadata) const {
  std::erase(metadata.unknown, kUnknownStart);
  std::erase(metadata.unknown, kUnknownPauses);
  if (began_late_ || !has_started_) metadata.unknown.emplace_back(kUnknownStart);
  if (gaps_ == 0) return;
  metadata.unknown.emplace_back(kUnknownPauses);
  metadata.extra["pauses"] = gaps_;
}

}  // namespace pymemlab
