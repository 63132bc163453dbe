// The targets `libpython:PATH` and `python:PATH`: the allocators of a real CPython, in this
// process.
#pragma once

#include "core/measure/subject.h"
#include "core/measure/target.h"
#include "core/replay/real_python.h"

namespace pymemlab {

class RealSubject final : public ReplaySubject {
 public:
  // `target`: what stands in the job, taken apart.
  RealSubject(const WorkerJob& job, std::span<const std::uint64_t> recorded_bases,
              const TargetName& target);

  void describe(WorkerResult& result) const override;
  [[nodiscard]] const Geometry& geometry() const noexcept override { return geometry_; }
  [[nodiscard]] BlockCost cost(Domain domain, const void* block) const noexcept override;
  [[nodiscard]] std::optional<HeapStatistics> heap_statistics() const override;
  // The arena table and the radix nodes: what raw serves beyond the replay's blocks.
  [[nodiscard]] std::uint64_t own_raw_bytes(std::uint64_t raw_bytes) const noexcept override {
    return meter_.usable_bytes() - raw_bytes;
  }
  [[nodiscard]] std::uint64_t mimalloc_mapped_bytes() const noexcept override { return 0; }
  [[nodiscard]] std::optional<MimallocFigures> mimalloc() const noexcept override {
    return std::nullopt;
  }
  [[nodiscard]] std::string statistics_text() const override;

 private:
  [[nodiscard]] std::size_t pool_block_bytes(const void* block) const noexcept;

  Geometry geometry_;
  const Configuration& configuration_;
  std::size_t hook_bytes_;
  RealPython python_;
};

}  // namespace pymemlab
