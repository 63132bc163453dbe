#include "core/replay/arena_source.h"

#include <charconv>

#include "core/base/input_error.h"
#include "core/os/pages.h"

namespace pymemlab {

ArenaResidue ArenaResidue::parse(const std::string& text) {
  if (text == "recorded") return {.policy = Policy::recorded};
  if (text == "aligned") return {.policy = Policy::aligned};
  constexpr std::string_view kPrefix = "random:";
  if (text.starts_with(kPrefix)) {
    std::uint64_t seed = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + kPrefix.size(), end, seed);
    if (parsed.ec == std::errc() && parsed.ptr == end)
      return {.policy = Policy::random, .seed = seed};
  }
  throw InputError("arena residue \"{}\" is unknown: it is recorded, aligned or random:SEED", text);
}

std::string ArenaResidue::text() const {
  switch (policy) {
    case Policy::recorded: return "recorded";
    case Policy::aligned: return "aligned";
    case Policy::random: return fmt::format("random:{}", seed);
  }
  return {};
}

ArenaSource::ArenaSource(ArenaResidue residue, std::span<const std::uint64_t> recorded_bases)
    : residue_(residue), recorded_(recorded_bases), random_(residue.seed), cursor_(kFirst) {}

ArenaRecord ArenaSource::record() noexcept {
  return {.context = this,
          .alloc = [](void* self,
                      std::size_t bytes) { return static_cast<ArenaSource*>(self)->alloc(bytes); },
          .free = [](void* self, void* base,
                     std::size_t bytes) { static_cast<ArenaSource*>(self)->free(base, bytes); }};
}

std::uint64_t ArenaSource::nominal_base(void* source, std::uint64_t) noexcept {
  return static_cast<ArenaSource*>(source)->nominal_;
}

std::uint64_t ArenaSource::next_base(std::size_t bytes) noexcept {
  switch (residue_.policy) {
    case ArenaResidue::Policy::recorded:
      return recorded_[requests_ < recorded_.size() ? requests_ : recorded_.size() - 1];
    case ArenaResidue::Policy::random:
      return kFirst + requests_ * bytes + random_.below(bytes / kPageBytes) * kPageBytes;
    case ArenaResidue::Policy::aligned: break;
  }
  return kFirst + requests_ * bytes;
}

void* ArenaSource::alloc(std::size_t bytes) noexcept {
  nominal_ = next_base(bytes);
  const std::uint64_t residue = nominal_ % bytes;
  if (cursor_ + 2 * bytes >= kEnd) cursor_ = kFirst;
  cursor_ += (residue - cursor_) & (bytes - 1);
  void* base = map_pages_at(cursor_, bytes);
  if (base == nullptr) base = map_pages_with_residue(residue, bytes);
  if (base == nullptr) return nullptr;
  cursor_ += bytes;
  ++requests_;
  mapped_bytes_ += bytes;
  return base;
}

void ArenaSource::free(void* base, std::size_t bytes) noexcept {
  unmap_pages(base, bytes);
  mapped_bytes_ -= bytes;
}

}  // namespace pymemlab
