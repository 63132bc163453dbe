// The model of one interpreter during a verification: a Memory whose arenas lie where the recorded
// ones lay, and a ledger that holds its arena calls and statistics against the recorded ones.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/analyze/recorded_arenas.h"
#include "core/analyze/statistics_lines.h"
#include "core/analyze/verify.h"
#include "core/pymem/memory.h"
#include "core/replay/arena_source.h"
#include "core/replay/replay_event.h"
#include "core/trace/checkpoint.h"

namespace pymemlab {

// What a recording says of the process as a whole.
struct RecordedRun {
  const Profile* profile = nullptr;
  const Configuration* configuration = nullptr;
  Geometry geometry;
  std::uint64_t arena_bytes = 0;  // CPython's; the model's are the geometry's
  // By interpreter: the bases of its pymalloc's arenas, in order of request.
  std::map<Slot, std::vector<std::uint64_t>> bases;
};

// Where findings go, and the event they belong to.
struct VerifyLog {
  VerifyReport report;
  std::uint64_t event = 0;

  void differ(std::string what, std::string expected, std::string found) {
    if (report.first_difference) return;
    report.first_difference = {event, std::move(what), std::move(expected), std::move(found)};
  }
};

class InterpreterModel {
 public:
  // REQUIRES: `run` and `log` outlive the model.
  InterpreterModel(const RecordedRun& run, Slot interpreter, VerifyLog& log);
  InterpreterModel(const InterpreterModel&) = delete;
  InterpreterModel& operator=(const InterpreterModel&) = delete;

  // Performs the event on `block`; what it returns, if it returns a block.
  void* perform(ReplayEvent event, const Operation& operation, void* block);
  // At the end: of what the program left. What that does to arenas is no longer compared.
  void free(Domain domain, void* block) { memory_->free(domain, block); }
  // Holds the block that `operation` returned against the address CPython got.
  void compare_placement(const Operation& operation, const void* block);
  // An arena event of the trace.
  void note_arena(const Operation& operation);
  void note_checkpoint(Checkpoint checkpoint);
  // A request to mem or obj that CPython refused: it is not replayed, so what it made pymalloc ask
  // for in vain has no counterpart.
  void note_refusal();
  // What one side did and the other did not counts as not equal.
  void finish();

 private:
  [[nodiscard]] MemoryOptions options();
  void* alloc_arena(std::size_t bytes);
  void free_arena(void* base, std::size_t bytes);
  void settle_arenas();
  void count_arena(const ArenaCall* expected, const ArenaCall* made);
  void compare_statistics(const Checkpoint& checkpoint);

  const RecordedRun& run_;
  VerifyLog& log_;
  bool is_main_;
  ArenaSource source_;
  ArenaRecord source_record_;
  RecordedArenas recorded_;
  StatisticsLines lines_;
  std::deque<ArenaCall> expected_;  // told by the trace, not yet seen in the model
  std::deque<ArenaCall> made_;      // by the model, not yet told
  std::map<void*, std::size_t> ordinal_of_;
  std::size_t requests_ = 0;
  // Taken before an arena request of the event that comes next.
  std::optional<Checkpoint> pending_;
  std::optional<Memory> memory_;  // last: it gives its arenas back through the members above
};

}  // namespace pymemlab
