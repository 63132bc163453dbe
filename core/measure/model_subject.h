// The target `model`: our own allocators.
#pragma once

#include "core/measure/subject.h"

namespace pymemlab {

class ModelSubject final : public ReplaySubject {
 public:
  ModelSubject(const WorkerJob& job, std::span<const std::uint64_t> recorded_bases);

  void describe(WorkerResult& result) const override;
  [[nodiscard]] const Geometry& geometry() const noexcept override { return memory_.geometry(); }
  [[nodiscard]] BlockCost cost(Domain domain, const void* block) const noexcept override {
    return memory_.cost(domain, block);
  }
  [[nodiscard]] std::optional<HeapStatistics> heap_statistics() const override;
  [[nodiscard]] const SmallHeap* heap() const noexcept override { return memory_.heap(); }
  [[nodiscard]] std::uint64_t own_raw_bytes(std::uint64_t raw_bytes) const noexcept override;
  [[nodiscard]] std::optional<MimallocFigures> mimalloc() const noexcept override;
  [[nodiscard]] std::uint64_t mimalloc_mapped_bytes() const noexcept override {
    return memory_.mimalloc() == nullptr ? 0 : memory_.mimalloc()->committed_bytes();
  }
  [[nodiscard]] std::string statistics_text() const override { return memory_.statistics_text(); }

 private:
  MemoryOptions options(const WorkerJob& job);

  Memory memory_;
};

}  // namespace pymemlab
