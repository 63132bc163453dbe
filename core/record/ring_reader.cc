#include "core/record/ring_reader.h"

#include <unistd.h>

#include <algorithm>
#include <limits>

namespace pymemlab {
namespace {

// Read between two looks at the clock, and given back to the writers at once.
constexpr std::uint64_t kMostAtOnce = 4096;

}  // namespace

RingReader::RingReader(std::uint32_t serial)
    : file_(MemoryFile::create("pymemlab-ring", ring::kMappingBytes)),
      region_(MappedRegion::shared(file_.descriptor(), ring::kMappingBytes)),
      header_(reinterpret_cast<ring::Header*>(region_.data())),
      records_(reinterpret_cast<const ring::Record*>(region_.data() + ring::kHeaderBytes)) {
  header_->serial = serial;
  header_->collector = static_cast<std::uint32_t>(getpid());
  header_->ring_bytes = ring::kRingBytes;
  header_->version = ring::kVersion;
  header_->magic = ring::kMagic;
  header_->read.store(position_);
}

bool RingReader::is_committed(std::uint64_t position) const noexcept {
  const std::uint64_t what = __atomic_load_n(&at(position).what, __ATOMIC_ACQUIRE);
  return (what & ring::kLapBit) == (position & ring::kLapBit);
}

std::uint64_t RingReader::end() const noexcept {
  if (header_->state.load() == ring::State::stopped) return header_->stopped_at.load();
  return std::numeric_limits<std::uint64_t>::max();
}

std::span<const ring::Record> RingReader::committed() const noexcept {
  const std::uint64_t lap_end = position_ - position_ % ring::kRingBytes + ring::kRingBytes;
  const std::uint64_t most =
      std::min({lap_end, end(), position_ + kMostAtOnce * sizeof(ring::Record)});
  std::uint64_t position = position_;
  while (position < most && is_committed(position)) position += sizeof(ring::Record);
  return {&at(position_), (position - position_) / sizeof(ring::Record)};
}

void RingReader::release(std::size_t count) noexcept {
  position_ += count * sizeof(ring::Record);
  header_->read.store(position_, std::memory_order_release);
}

bool RingReader::skip_hole() noexcept {
  const std::uint64_t taken = std::min(header_->reserved.load(), end());
  for (std::uint64_t position = position_; position < taken; position += sizeof(ring::Record)) {
    if (!is_committed(position)) continue;
    release((position - position_) / sizeof(ring::Record));
    return true;
  }
  return false;
}

}  // namespace pymemlab
