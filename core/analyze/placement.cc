#include "core/analyze/placement.h"

#include <fmt/format.h>

#include <map>
#include <vector>

#include "core/base/input_error.h"
#include "core/pymem/memory.h"
#include "core/replay/arena_source.h"
#include "core/replay/recorded_geometry.h"
#include "core/replay/replay_feed.h"

namespace pymemlab {
namespace {

std::string show(const std::optional<Placement>& placement) {
  return placement ? fmt::format("A{}+{}", placement->arena, placement->offset_bytes) : "R";
}

// The recorded process's arenas at a moment: which exist, and which request each came from.
class RecordedArenas {
 public:
  explicit RecordedArenas(std::uint64_t arena_bytes) : arena_bytes_(arena_bytes) {}

  // Other sizes are no pymalloc arenas: from 3.11 the interpreter's own stacks come the same way.
  void note(const Operation& operation) {
    if (operation.kind == EventKind::arena_alloc && operation.size == arena_bytes_ &&
        operation.address != 0) {
      ordinal_of_[operation.address] = ordinals_++;
      base_of_request_[operation.slot] = operation.address;
    } else if (operation.kind == EventKind::arena_free) {
      const auto request = base_of_request_.find(operation.slot);
      if (request == base_of_request_.end()) return;
      ordinal_of_.erase(request->second);
      base_of_request_.erase(request);
      ++released_;
    }
  }
  [[nodiscard]] std::optional<Placement> placement(std::uint64_t address) const {
    auto after = ordinal_of_.upper_bound(address);
    if (after == ordinal_of_.begin()) return std::nullopt;
    const auto& [base, ordinal] = *std::prev(after);
    if (address - base >= arena_bytes_) return std::nullopt;
    return Placement{.arena = ordinal, .offset_bytes = address - base};
  }
  [[nodiscard]] std::uint64_t requests() const noexcept { return ordinals_; }
  [[nodiscard]] std::uint64_t releases() const noexcept { return released_; }

 private:
  std::uint64_t arena_bytes_;
  std::map<std::uint64_t, std::size_t> ordinal_of_;  // live arenas, by base
  std::map<Slot, std::uint64_t> base_of_request_;
  std::size_t ordinals_ = 0;
  std::uint64_t released_ = 0;
};

struct RecordedRun {
  const Profile* profile;
  const Configuration* configuration;
  Geometry geometry;
  std::vector<std::uint64_t> bases;
};

RecordedRun describe(const std::string& path, const std::string& profile_name) {
  TraceReader reader = TraceReader::open(path, {.addresses = true});
  const TraceMetadata& metadata = reader.metadata();
  if (!metadata.python)
    throw InputError("{}: does not say which Python it was recorded from", path);
  if (!reader.has_addresses()) {
    throw InputError("{}: holds no addresses, so there is nothing to hold placements against",
                     path);
  }
  RecordedRun run{};
  run.profile = profile_name.empty() ? &profile_of_version(metadata.python->version)
                                     : &profile_named(profile_name);
  run.geometry = profile_name.empty() ? recorded_geometry(*run.profile, metadata.python)
                                      : run.profile->geometry;
  run.configuration = &configuration_for(metadata.pythonmalloc, *run.profile);
  if (run.configuration->mem_and_obj != Base::pymalloc) {
    throw InputError("{}: was recorded with PYTHONMALLOC={}, which places nothing: not applicable",
                     path, metadata.pythonmalloc.value_or(""));
  }
  // All arenas of the trace, as if in the process from the start: the model asks for them in order.
  EventBatch batch;
  while (reader.next(batch)) {
    Operation operation;
    for (OperationCursor cursor(batch); cursor.next(operation);) {
      if (operation.kind == EventKind::arena_alloc && operation.size == run.geometry.arena_bytes &&
          operation.address != 0) {
        run.bases.push_back(operation.address);
      }
    }
  }
  return run;
}

class PlacementReplay {
 public:
  explicit PlacementReplay(const RecordedRun& run)
      : source_({.policy = run.bases.empty() ? ArenaResidue::Policy::aligned
                                             : ArenaResidue::Policy::recorded},
                run.bases),
        memory_(options(run)),
        recorded_(run.geometry.arena_bytes) {}

  void step(const Operation& operation, std::uint64_t number, PlacementReport& report) {
    recorded_.note(operation);
    if (operation.kind == EventKind::interpreter) foreign_ = operation.slot != 0;
    const std::optional<ReplayEvent> event = translator_.translate(operation);
    if (!event) return;
    if (foreign_) {
      ++report.not_compared;
      return;
    }
    void* block = issue(*event, operation);
    const bool returns = !operation.failed && operation.kind != EventKind::free;
    if (returns && operation.domain != Domain::raw && operation.domain != Domain::libc &&
        operation.address != 0) {
      compare(operation, number, block, report);
    }
  }
  void finish(PlacementReport& report) const {
    const std::uint64_t requests = source_.requests();
    const std::uint64_t releases = requests - memory_.heap()->arenas();
    report.arenas_compared =
        std::max(requests, recorded_.requests()) + std::max(releases, recorded_.releases());
    report.arenas_equal =
        std::min(requests, recorded_.requests()) + std::min(releases, recorded_.releases());
  }

 private:
  MemoryOptions options(const RecordedRun& run) {
    MemoryOptions options;
    options.profile = run.profile;
    options.configuration = run.configuration;
    options.geometry = run.geometry;
    options.arenas = source_.record();
    options.nominal_base = ArenaSource::nominal_base;
    options.nominal_base_context = &source_;
    return options;
  }

  // Performs the event; what it returns, if it returns a block.
  void* issue(ReplayEvent event, const Operation& operation) {
    const Slot slot = event.slot();
    if (slot >= live_.size())
      live_.resize(std::max<std::size_t>(slot + std::size_t{1}, live_.size() * 2));
    void*& block = live_[slot];
    switch (event.kind()) {
      case ReplayKind::malloc:
      case ReplayKind::malloc_wide:
      case ReplayKind::malloc_empty: return block = memory_.malloc(event.domain(), operation.size);
      case ReplayKind::calloc:
      case ReplayKind::calloc_pair:
      case ReplayKind::calloc_empty:
        return block = memory_.calloc(event.domain(), operation.count, operation.size);
      case ReplayKind::realloc_null:
      case ReplayKind::realloc_null_wide:
      case ReplayKind::realloc_null_empty:
        return block = memory_.realloc(event.domain(), nullptr, operation.size);
      case ReplayKind::realloc:
      case ReplayKind::realloc_wide:
        return block = memory_.realloc(event.domain(), block, operation.size);
      case ReplayKind::free: memory_.free(event.domain(), block); return nullptr;
      case ReplayKind::free_null: memory_.free(event.domain(), nullptr); return nullptr;
    }
    return nullptr;
  }

  void compare(const Operation& operation, std::uint64_t number, const void* block,
               PlacementReport& report) {
    const std::optional<Placement> expected = recorded_.placement(operation.address);
    const std::optional<Placement> found = memory_.heap()->placement(block);
    if (!expected && !found) return;
    ++report.compared;
    if (expected == found) {
      ++report.equal;
    } else if (!report.first_difference) {
      report.first_difference =
          PlacementDifference{.event = number,
                              .request = fmt::format("{} {} {}", name(operation.kind),
                                                     name(operation.domain), operation.bytes()),
                              .expected = show(expected),
                              .found = show(found)};
    }
  }

  ArenaSource source_;
  Memory memory_;
  RecordedArenas recorded_;
  ReplayTranslator translator_;
  std::vector<void*> live_;
  bool foreign_ = false;
};

}  // namespace

PlacementReport compare_placements(const std::string& trace_path, const std::string& profile) {
  const RecordedRun run = describe(trace_path, profile);
  TraceReader reader = TraceReader::open(trace_path, {.addresses = true});
  PlacementReport report;
  report.python = reader.metadata().python->version;
  report.configuration = run.configuration->name;
  PlacementReplay replay(run);
  EventBatch batch;
  while (reader.next(batch)) {
    Operation operation;
    std::uint64_t number = batch.first;
    for (OperationCursor cursor(batch); cursor.next(operation); ++number)
      replay.step(operation, number, report);
  }
  replay.finish(report);
  report.damage = reader.damage();
  return report;
}

}  // namespace pymemlab
