#include "core/analyze/interpreter_model.h"

#include <fmt/format.h>

#include <utility>

namespace pymemlab {
namespace {

std::string show(const std::optional<Placement>& placement) {
  return placement ? fmt::format("A{}+{}", placement->arena, placement->offset_bytes) : "R";
}

std::span<const std::uint64_t> bases_of(const RecordedRun& run, Slot interpreter) {
  const auto found = run.bases.find(interpreter);
  if (found == run.bases.end()) return {};
  return found->second;
}

ArenaResidue residue_of(const RecordedRun& run, Slot interpreter) {
  return {.policy = bases_of(run, interpreter).empty() ? ArenaResidue::Policy::aligned
                                                       : ArenaResidue::Policy::recorded};
}

}  // namespace

InterpreterModel::InterpreterModel(const RecordedRun& run, Slot interpreter, VerifyLog& log)
    : run_(run),
      log_(log),
      is_main_(interpreter == 0),
      source_(residue_of(run, interpreter), bases_of(run, interpreter)),
      source_record_(source_.record()),
      recorded_(run.arena_bytes) {
  memory_.emplace(options());
}

MemoryOptions InterpreterModel::options() {
  MemoryOptions options;
  options.profile = run_.profile;
  options.configuration = run_.configuration;
  options.geometry = run_.geometry;
  options.arenas =
      ArenaRecord{.context = this,
                  .alloc =
                      [](void* self, std::size_t bytes) {
                        return static_cast<InterpreterModel*>(self)->alloc_arena(bytes);
                      },
                  .free =
                      [](void* self, void* base, std::size_t bytes) {
                        static_cast<InterpreterModel*>(self)->free_arena(base, bytes);
                      }};
  options.nominal_base = ArenaSource::nominal_base;
  options.nominal_base_context = &source_;
  return options;
}

void* InterpreterModel::perform(ReplayEvent event, const Operation& operation, void* block) {
  switch (event.kind()) {
    case ReplayKind::malloc:
    case ReplayKind::malloc_wide:
    case ReplayKind::malloc_empty: return memory_->malloc(event.domain(), operation.size);
    case ReplayKind::calloc:
    case ReplayKind::calloc_pair:
    case ReplayKind::calloc_empty:
      return memory_->calloc(event.domain(), operation.count, operation.size);
    case ReplayKind::realloc_null:
    case ReplayKind::realloc_null_wide:
    case ReplayKind::realloc_null_empty:
      return memory_->realloc(event.domain(), nullptr, operation.size);
    case ReplayKind::realloc:
    case ReplayKind::realloc_wide: return memory_->realloc(event.domain(), block, operation.size);
    case ReplayKind::free: memory_->free(event.domain(), block); return nullptr;
    case ReplayKind::free_null: memory_->free(event.domain(), nullptr); return nullptr;
  }
  return nullptr;
}

void InterpreterModel::compare_placement(const Operation& operation, const void* block) {
  if (memory_->heap() == nullptr) return;
  const std::optional<Placement> expected = recorded_.placement(operation.address);
  const std::optional<Placement> found = memory_->heap()->placement(block);
  if (!expected && !found) return;
  log_.report.placements.count(expected == found);
  if (expected == found) return;
  log_.differ(
      fmt::format("{} {} {}", name(operation.kind), name(operation.domain), operation.bytes()),
      show(expected), show(found));
}

void InterpreterModel::note_arena(const Operation& operation) {
  const std::optional<ArenaCall> call = recorded_.note(operation);
  if (!call) return;
  expected_.push_back(*call);
  settle_arenas();
}

void InterpreterModel::note_checkpoint(Checkpoint checkpoint) {
  if (checkpoint.moment == Checkpoint::Moment::arena_request) {
    pending_ = std::move(checkpoint);
  } else {
    compare_statistics(checkpoint);
  }
}

void InterpreterModel::note_refusal() {
  if (pending_) compare_statistics(*std::exchange(pending_, std::nullopt));
  while (!expected_.empty() && expected_.back().kind == ArenaCall::Kind::refused) {
    expected_.pop_back();
  }
}

void* InterpreterModel::alloc_arena(std::size_t bytes) {
  if (pending_) compare_statistics(*std::exchange(pending_, std::nullopt));
  const bool was_refused = !expected_.empty() && expected_.front().kind == ArenaCall::Kind::refused;
  void* base = was_refused ? nullptr : source_record_.alloc(source_record_.context, bytes);
  if (base == nullptr) {
    made_.push_back({.kind = ArenaCall::Kind::refused});
  } else {
    made_.push_back({.kind = ArenaCall::Kind::request, .ordinal = requests_});
    ordinal_of_[base] = requests_++;
  }
  settle_arenas();
  return base;
}

void InterpreterModel::free_arena(void* base, std::size_t bytes) {
  const auto ordinal = ordinal_of_.find(base);
  made_.push_back({.kind = ArenaCall::Kind::release, .ordinal = ordinal->second});
  ordinal_of_.erase(ordinal);
  source_record_.free(source_record_.context, base, bytes);
}

void InterpreterModel::settle_arenas() {
  while (!expected_.empty() && !made_.empty()) {
    count_arena(&expected_.front(), &made_.front());
    expected_.pop_front();
    made_.pop_front();
  }
}

void InterpreterModel::count_arena(const ArenaCall* expected, const ArenaCall* made) {
  const bool equal = expected != nullptr && made != nullptr && *expected == *made;
  log_.report.arenas.count(equal);
  if (equal) return;
  const auto text = [](const ArenaCall* call) { return call == nullptr ? "none" : call->text(); };
  log_.differ("arena", text(expected), text(made));
}

void InterpreterModel::compare_statistics(const Checkpoint& checkpoint) {
  VerifyReport& report = log_.report;
  const auto difference =
      lines_.compare(checkpoint.statistics, memory_->statistics_text(), report.lines);
  report.checkpoints.count(!difference);
  if (difference) {
    log_.differ(fmt::format("statistics, line {}", difference->line), difference->expected,
                difference->found);
  }
  // In the middle of a request versions differ in whether it counts already.
  if (checkpoint.moment != Checkpoint::Moment::end || !checkpoint.allocated_blocks) return;
  const auto expected = static_cast<std::int64_t>(*checkpoint.allocated_blocks);
  const std::int64_t found = memory_->allocated_blocks();
  report.allocated_blocks.count(expected == found);
  if (expected != found) {
    log_.differ("sys.getallocatedblocks()", fmt::format("{}", expected), fmt::format("{}", found));
  }
}

void InterpreterModel::finish() {
  settle_arenas();
  // A sub-interpreter that ends and left no block gives back all it has, unasked (3.13+).
  if (!is_main_ && !expected_.empty() && expected_.size() == ordinal_of_.size()) {
    memory_.reset();
    settle_arenas();
  }
  for (const ArenaCall& call : expected_) count_arena(&call, nullptr);
  for (const ArenaCall& call : made_) count_arena(nullptr, &call);
  expected_.clear();
  made_.clear();
  if (!pending_) return;
  log_.report.checkpoints.count(false);
  log_.differ("statistics before an arena request", "an arena request", "none");
}

}  // namespace pymemlab
