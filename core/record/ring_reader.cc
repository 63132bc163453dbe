#include "core/record/ring_reader.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <limits>

namespace pymemlab {
namespace {

// Read between two looks at the clock, and given back to the writers at once.
constexpr std::uint64_t kMostAtOnce = 4096;
// Of the ring: where one begins to copy.
constexpr std::uint64_t kCrowded = ring::kRingBytes / 4;
// Of the ring: what is prepared at once, and before the first record.
constexpr std::uint64_t kPrepareAtOnce = 1u << 20;
static_assert(ring::kRingBytes % kPrepareAtOnce == 0);
// Of all backlogs together: blocks that may still be made.
std::atomic<int> g_blocks_left = (256 << 20) / static_cast<int>(kMostAtOnce * sizeof(ring::Record));

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
  prepare();
}

bool RingReader::is_committed(std::uint64_t position) const noexcept {
  const std::uint64_t what = __atomic_load_n(&at(position).what, __ATOMIC_ACQUIRE);
  return (what & ring::kLapBit) == (position & ring::kLapBit);
}

std::uint64_t RingReader::end() const noexcept {
  if (header_->state.load() == ring::State::stopped) return header_->stopped_at.load();
  return std::numeric_limits<std::uint64_t>::max();
}

RingReader::~RingReader() { g_blocks_left += static_cast<int>(backlog_.size()); }

void RingReader::start() noexcept {
  first_ = position_ = header_->read.load();
  file_ = MemoryFile::adopt(-1);
}

void RingReader::prepare() noexcept {
  const std::uint64_t written = position_ - first_;
  const std::uint64_t wanted =
      std::min(written + std::max(written, kPrepareAtOnce), ring::kRingBytes);
  while (prepared_ + kPrepareAtOnce <= wanted) {
    ::madvise(region_.data() + ring::kHeaderBytes + prepared_, kPrepareAtOnce, MADV_POPULATE_WRITE);
    prepared_ += kPrepareAtOnce;
  }
}

void RingReader::give_back() noexcept {
  ::madvise(region_.data() + ring::kHeaderBytes, ring::kRingBytes, MADV_REMOVE);
}

std::span<const ring::Record> RingReader::committed() {
  if (is_committed(position_ + kCrowded)) copy_out();
  if (backlog_.empty()) return committed_in_ring();
  return std::span(backlog_.front()).subspan(backlog_released_);
}

void RingReader::copy_out() {
  while (g_blocks_left.load(std::memory_order_relaxed) > 0) {
    const std::span<const ring::Record> records = committed_in_ring();
    if (records.empty()) return;
    --g_blocks_left;
    backlog_.emplace_back(records.begin(), records.end());
    advance(records.size_bytes());
  }
}

std::span<const ring::Record> RingReader::committed_in_ring() const noexcept {
  const std::uint64_t lap_end = position_ - position_ % ring::kRingBytes + ring::kRingBytes;
  const std::uint64_t most =
      std::min({lap_end, end(), position_ + kMostAtOnce * sizeof(ring::Record)});
  std::uint64_t position = position_;
  while (position < most && is_committed(position)) position += sizeof(ring::Record);
  return {&at(position_), (position - position_) / sizeof(ring::Record)};
}

std::size_t RingReader::backlog() const noexcept {
  std::size_t records = 0;
  for (const Block& block : backlog_) records += block.size();
  return records - backlog_released_;
}

void RingReader::release(std::size_t count) noexcept {
  if (!backlog_.empty()) {
    backlog_released_ += count;
    if (backlog_released_ != backlog_.front().size()) return;
    backlog_.pop_front();
    backlog_released_ = 0;
    ++g_blocks_left;
    return;
  }
  advance(count * sizeof(ring::Record));
}

void RingReader::advance(std::uint64_t bytes) noexcept {
  position_ += bytes;
  header_->read.store(position_, std::memory_order_release);
  prepare();
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
