#include "core/measure/worker_channel.h"

#include <algorithm>
#include <new>
#include <utility>

namespace pymemlab {

std::array<WorkerChannel::Array, 8> WorkerChannel::layout(const WorkerJob& job) {
  std::size_t offset = sizeof(Head);
  auto place = [&](std::size_t size, std::size_t element_bytes) {
    offset = (offset + 63) / 64 * 64;
    const Array array{offset, size};
    offset += size * element_bytes;
    return array;
  };
  return {
      place(job.window_events, sizeof(ReplayEvent)),
      place(job.window_events, sizeof(std::uint64_t)),
      place(job.recorded_arenas, sizeof(std::uint64_t)),
      place(job.pass == Pass::scan ? job.intervals : 0, sizeof(IntervalPeak)),
      place(job.sample_room, sizeof(FootprintSample)),
      place(kTextBytes, 1),
      place(job.pass == Pass::latency ? LatencyTable::kHistograms : 0, sizeof(LatencyHistogram)),
      place(job.map_room, 1)};
}

WorkerChannel::WorkerChannel(MemoryFile file, MappedRegion region)
    : file_(std::move(file)), region_(std::move(region)), arrays_(layout(head().job)) {}

WorkerChannel WorkerChannel::create(const WorkerJob& job) {
  const Array last = layout(job).back();
  const std::size_t bytes = last.offset + last.size;  // of the arena map, in bytes
  MemoryFile file = MemoryFile::create("pymemlab-worker", bytes);
  MappedRegion region = MappedRegion::shared(file.descriptor(), bytes);
  new (region.data()) Head{.job = job, .result = {}};
  return {std::move(file), std::move(region)};
}

WorkerChannel WorkerChannel::attach() {
  MemoryFile file = MemoryFile::adopt(ChildProcess::kMemory);
  const std::size_t bytes = file.bytes();
  MappedRegion region = MappedRegion::shared(file.descriptor(), bytes);
  return {std::move(file), std::move(region)};
}

void WorkerChannel::set_text(std::string_view text) const noexcept {
  const std::size_t length = std::min(text.size(), kTextBytes - 1);
  std::copy_n(text.begin(), length, this->text().begin());
  this->text()[length] = '\0';
}

}  // namespace pymemlab
