// Acts a trace out under one value of PYTHONMALLOC, to say what CPython does at its misuses: where
// each block lies is the model's answer, what the debug hooks say are the hooks' own words. A call
// that would damage this process is not made, but judged by where its block lies.
//
// After a misuse the replay goes on as if the call had been right: a block is freed through its own
// domain, and a realloc through another domain makes the block that domain's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/analyze/finding.h"
#include "core/base/units.h"
#include "core/pymem/memory.h"
#include "core/replay/arena_source.h"

namespace pymemlab {

// Whether a pymalloc serves the domain's requests, where there is one.
[[nodiscard]] constexpr bool is_pymalloc(Domain domain) noexcept {
  return domain == Domain::mem || domain == Domain::obj;
}

class MisuseReplay {
 public:
  // No block is made larger than this, whatever the trace says: only whether it exceeds the small
  // limit decides where it lies.
  static constexpr std::uint64_t kLargestBlock = 64 * kKiB;

  MisuseReplay(const Profile& profile, const Geometry& geometry,
               const Configuration& configuration);
  MisuseReplay(const MisuseReplay&) = delete;
  MisuseReplay& operator=(const MisuseReplay&) = delete;
  ~MisuseReplay();  // gives every live block back

  // The hooks' dumps name where a block was asked for, as CPython's do under tracemalloc. `sites`
  // must outlive this object, and may grow.
  void know_sites(const SiteTable& sites) noexcept;
  // Performs the event as far as C defines it.
  void step(std::uint64_t number, const Operation& operation);
  // What CPython does at the event. REQUIRES: is_misuse(finding.kind); every event before it was
  // stepped through, the event itself not yet.
  [[nodiscard]] Outcome judge(const Finding& finding, const Operation& operation);

 private:
  struct Block {
    void* pointer = nullptr;  // kept when the block dies
    std::uint64_t made = 0;   // event
    std::uint64_t freed = 0;  // event, if not live
    std::uint64_t bytes = 0;  // as the trace has it
    SiteNumber site = kNoSite;
    Domain domain = Domain::raw;
    bool live = false;
    bool pooled = false;  // pymalloc's own, not passed on to raw
  };

  void allocate(std::uint64_t number, const Operation& operation);
  void resize(std::uint64_t number, const Operation& operation);
  void release(std::uint64_t number, const Operation& operation);
  [[nodiscard]] MemoryOptions options(const Profile& profile, const Geometry& geometry) noexcept;
  [[nodiscard]] bool is_pooled(Domain domain, const void* pointer) const noexcept;
  [[nodiscard]] const Block* live_block_at(const void* pointer) const noexcept;

  [[nodiscard]] Outcome of_wrong_domain(const Block& block, const Operation& operation);
  [[nodiscard]] Outcome of_dead_block(const Block& block, const Operation& operation);
  [[nodiscard]] Outcome of_dead_block_under_hooks(const Block& block, const Operation& operation);
  [[nodiscard]] Outcome of_dead_libc_block(const Block& block, const Operation& operation) const;
  [[nodiscard]] Outcome of_unknown_block(const Operation& operation) const;
  [[nodiscard]] Outcome of_inner_pointer(const FindingBlock& inside,
                                         const Operation& operation) const;
  // The hooks' verdict on the call, which is not made. REQUIRES: the 16 bytes before can be read.
  [[nodiscard]] std::optional<DebugFailure> ask_hooks(const void* pointer,
                                                      const Operation& operation);
  // The fatal error for a header of which only the domain of the call is known.
  [[nodiscard]] Outcome bad_header(const Operation& operation, std::string explanation) const;
  [[nodiscard]] std::string dump_of(const DebugFailure& failure, const Block& block) const;

  static void keep_failure(void* self, const DebugFailure& failure, const Profile&) noexcept;

  // CPython: the traceback of the block, or nothing.
  [[nodiscard]] std::string traceback_of(const void* pointer) const;

  const SiteTable* sites_ = nullptr;
  const Configuration& configuration_;
  std::optional<DebugFailure> failure_;
  std::vector<Block> blocks_;         // by slot
  std::uint64_t newest_request_ = 0;  // event
  ArenaSource arenas_;                // aligned, so that placements are the same in every run
  Memory memory_;
};

}  // namespace pymemlab
