#include "core/measure/model_subject.h"

#include "core/pymem/system_allocators.h"

namespace pymemlab {

ModelSubject::ModelSubject(const WorkerJob& job, std::span<const std::uint64_t> recorded_bases)
    : ReplaySubject(job, recorded_bases), memory_(options(job)) {
  for (std::size_t d = 0; d < kDomains; ++d)
    domains_[d].api = memory_.record(static_cast<Domain>(d));
  if (metered_) domains_[index(Domain::libc)].api = meter_.wrap(libc_allocator());
  meter_.start();
}

MemoryOptions ModelSubject::options(const WorkerJob& job) {
  MemoryOptions options;
  options.profile = &profile_named(job.profile.view());
  options.configuration = &configuration_named(job.configuration.view());
  if (metered_) MimallocEngine::purge_at_once();
  options.geometry = job.geometry;
  options.count_costs = metered_;  // in both footprint passes: they must be alike
  options.arenas = arenas_.record();
  options.nominal_base = ArenaSource::nominal_base;
  options.nominal_base_context = &arenas_;
  if (metered_) options.libc = meter_.wrap(libc_raw_allocator());
  return options;
}

void ModelSubject::describe(WorkerResult& result) const {
  if (const MimallocEngine* engine = memory_.mimalloc()) {
    result.engine_version = ShortName(engine->version());
    result.engine_path = ShortName(engine->path());
  }
}

std::optional<HeapStatistics> ModelSubject::heap_statistics() const {
  const SmallHeap* heap = memory_.heap();
  return heap == nullptr ? std::nullopt : std::optional(heap->statistics());
}

std::uint64_t ModelSubject::own_raw_bytes(std::uint64_t) const noexcept {
  struct Sum {
    const Memory* memory;
    std::uint64_t bytes = 0;
  } sum{&memory_};
  if (memory_.heap() == nullptr) return 0;
  memory_.heap()->visit_raw_blocks(
      [](void* context, const void* block) {
        auto* s = static_cast<Sum*>(context);
        s->bytes += s->memory->cost(Domain::raw, block).usable_bytes;
      },
      &sum);
  return sum.bytes;
}

std::optional<MimallocFigures> ModelSubject::mimalloc() const noexcept {
  const MimallocEngine* engine = memory_.mimalloc();
  if (engine == nullptr) return std::nullopt;
  const MimallocHeap heap = engine->heap();
  return MimallocFigures{.pages_committed_bytes = heap.committed_bytes,
                         .block_bytes = heap.block_bytes};
}

}  // namespace pymemlab
