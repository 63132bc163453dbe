#include "core/measure/real_subject.h"

#include <malloc.h>

#include <cstdlib>

#include "core/pymalloc/pool.h"
#include "core/pymem/debug_hooks.h"
#include "core/pymem/system_allocators.h"

namespace pymemlab {
namespace {

RealPython load(const TargetName& target, Base mem_and_obj) {
  return target.kind == TargetKind::libpython
             ? RealPython::load(target.path, mem_and_obj)
             : RealPython::in_this_process(target.path, mem_and_obj);
}

// From 3.12 on an interpreter has run here before the replay. The holes that it left in glibc's
// heap are taken and kept, so that the replay finds the heap as if nobody had used it.
void take_leftovers() noexcept {
  constexpr std::size_t kLargest = 120 * 1024;  // larger ones get a mapping of their own
  constexpr std::size_t kCached = 1040;         // below, what is freed stays in the thread's cache
  constexpr std::size_t kStep = 16;
  for (std::size_t size = kLargest; size >= kStep; size -= kStep) {
    while (true) {
      const struct mallinfo2 before = ::mallinfo2();
      void* volatile block = std::malloc(size);  // a request nobody uses would be left out
      if (block == nullptr) return;
      const struct mallinfo2 after = ::mallinfo2();
      const bool was_hole = after.keepcost == before.keepcost && after.hblks == before.hblks;
      if (was_hole) continue;
      if (size > kCached) std::free(block);
      break;
    }
  }
}

}  // namespace

RealSubject::RealSubject(const WorkerJob& job, std::span<const std::uint64_t> recorded_bases,
                         const TargetName& target)
    : ReplaySubject(job, recorded_bases),
      geometry_(job.geometry),
      configuration_(configuration_named(job.configuration.view())),
      hook_bytes_(0),
      python_(load(target, configuration_.mem_and_obj)) {
  if (configuration_.debug)
    hook_bytes_ = debug_bytes_per_block(profile_of_version(python_.version()).serial);
  python_.set_arenas(arenas_.record());
  if (metered_) python_.set_raw(meter_.wrap(python_.record(Domain::raw)));
  python_.configure(configuration_);
  for (std::size_t d = 0; d < kDomains; ++d)
    domains_[d].api = python_.record(static_cast<Domain>(d));
  if (metered_) domains_[index(Domain::libc)].api = meter_.wrap(libc_allocator());
  static_cast<void>(python_.statistics_text());  // opens what the text is written to
  if (meter_.is_exact()) take_leftovers();
  meter_.start();
}

void RealSubject::describe(WorkerResult& result) const {
  result.target_version = ShortName(python_.version());
  if (configuration_.mem_and_obj == Base::pymalloc) result.alignment = python_.alignment();
}

BlockCost RealSubject::cost(Domain domain, const void* block) const noexcept {
  const auto* base = static_cast<const std::byte*>(block);
  std::size_t hook_bytes = 0;
  const auto undress = [&] {
    if (hook_bytes_ == 0) return;
    base -= kDebugHeaderBytes;
    hook_bytes += hook_bytes_;
  };
  undress();
  if (domain != Domain::raw && configuration_.mem_and_obj == Base::pymalloc) {
    if (ArenaSource::owns(base)) return {true, base, hook_bytes, pool_block_bytes(base)};
    undress();
  }
  return {false, base, hook_bytes, libc_usable_bytes(base)};
}

// CPython's pool header has had the size class where ours has it in all its versions.
std::size_t RealSubject::pool_block_bytes(const void* block) const noexcept {
  const std::uintptr_t pool =
      reinterpret_cast<std::uintptr_t>(block) / geometry_.pool_bytes * geometry_.pool_bytes;
  return geometry_.block_bytes(reinterpret_cast<const Pool*>(pool)->size_class);
}

std::optional<HeapStatistics> RealSubject::heap_statistics() const {
  if (configuration_.mem_and_obj != Base::pymalloc) return std::nullopt;
  return python_.statistics(geometry_);
}

// CPython 3.6 and 3.7 print an empty pymalloc's under debug hooks even where it is not in use.
std::string RealSubject::statistics_text() const {
  if (configuration_.mem_and_obj == Base::libc) return {};
  return std::string(python_.statistics_text());
}

}  // namespace pymemlab
