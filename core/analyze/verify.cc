#include "core/analyze/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "core/analyze/interpreter_model.h"
#include "core/base/input_error.h"
#include "core/replay/recorded_geometry.h"
#include "core/replay/replay_feed.h"
#include "core/trace/approximate.h"
#include "core/trace/edits/trace_edits.h"
#include "core/trace/trace_reader.h"

namespace pymemlab {
namespace {

constexpr Slot kMainInterpreter = 0;

// Calls step(operation, number) for each event.
template <typename Step>
void for_each_operation(TraceReader& reader, Step step) {
  EventBatch batch;
  while (reader.next(batch)) {
    Operation operation;
    std::uint64_t number = batch.first;
    for (OperationCursor cursor(batch); cursor.next(operation); ++number) step(operation, number);
  }
}

RecordedRun describe(const std::string& path, const std::string& profile_name) {
  TraceReader reader = TraceReader::open(path, {.ahead = true});
  const TraceMetadata& metadata = reader.metadata();
  if (!metadata.python)
    throw InputError("{}: does not say which Python it was recorded from", path);
  if (!reader.has_addresses()) {
    throw InputError("{}: holds no addresses, so there is nothing to hold placements against",
                     path);
  }
  if (is_part(metadata))
    throw InputError(
        "{}: is part of a recording: what its allocator had free at the start, or what "
        "other threads did, is missing, and placements depend on it; verify the whole",
        path);
  if (const auto why = approximation(metadata))
    throw InputError("{}: {}; verify a recording that holds all", path, *why);
  RecordedRun run;
  run.profile = profile_name.empty() ? &profile_of_version(metadata.python->version)
                                     : &profile_named(profile_name);
  run.geometry = profile_name.empty() ? recorded_geometry(*run.profile, metadata.python)
                                      : run.profile->geometry;
  run.arena_bytes =
      recorded_geometry(profile_of_version(metadata.python->version), metadata.python).arena_bytes;
  run.configuration = &configuration_for(metadata.pythonmalloc, *run.profile);
  // All arenas of the trace, as if in the process from the start: the model asks for them in order.
  Slot interpreter = kMainInterpreter;
  for_each_operation(reader, [&](const Operation& operation, std::uint64_t) {
    if (operation.kind == EventKind::interpreter) interpreter = operation.slot;
    if (operation.kind == EventKind::arena_alloc && operation.size == run.arena_bytes &&
        operation.address != 0) {
      run.bases[interpreter].push_back(operation.address);
    }
  });
  return run;
}

class Verification {
 public:
  Verification(const RecordedRun& run, VerifyLog& log) : run_(run), log_(log) {
    (void)model(kMainInterpreter);
  }
  Verification(const Verification&) = delete;
  Verification& operator=(const Verification&) = delete;
  // Gives back what the program did not.
  ~Verification() {
    for (const Block& block : blocks_)
      if (block.address != nullptr) model(block.owner).free(block.domain, block.address);
  }

  void step(const Operation& operation, std::uint64_t number,
            const std::vector<std::string>& marks) {
    log_.event = number;
    switch (operation.kind) {
      case EventKind::interpreter: interpreter_ = operation.slot; break;
      case EventKind::arena_alloc:
      case EventKind::arena_free: model(interpreter_).note_arena(operation); break;
      case EventKind::mark: note_mark(marks[operation.slot]); break;
      default: break;
    }
    if (const auto event = translator_.translate(operation)) {
      replay(*event, operation);
    } else if (operation.failed && !operation.nested && is_placed(operation.domain)) {
      model(interpreter_).note_refusal();
    }
  }

  void finish() {
    for (auto& [number, model] : models_) model->finish();
    VerifyReport& report = log_.report;
    const ReplayCounts& counts = translator_.plan().counts;
    report.events = counts.issued;
    leave_out(counts.dead_or_unknown + counts.unknown_reallocs,
              "frees and reallocs of blocks that the recording had not seen");
    leave_out(counts.wrong_domain, "frees and reallocs through another domain");
    leave_out(counts.failed, "requests that CPython refused");
    leave_out(crossings_, "uses of one interpreter's blocks by another");
    if (run_.configuration->mem_and_obj == Base::mimalloc) {
      report.not_compared.emplace_back(
          "what mimalloc counts: its blocks are a thread's own, and it is this machine's mimalloc");
    }
    if (!has_end_) {
      report.not_compared.emplace_back(
          "statistics at the end: the trace has none (recorded without checkpoints, or the "
          "interpreter did not get to its end)");
    }
  }

 private:
  InterpreterModel& model(Slot interpreter) {
    std::unique_ptr<InterpreterModel>& model = models_[interpreter];
    if (!model) model = std::make_unique<InterpreterModel>(run_, interpreter, log_);
    return *model;
  }

  void note_mark(const std::string& text) {
    if (auto checkpoint = Checkpoint::parse(text)) {
      has_end_ = has_end_ || checkpoint->moment == Checkpoint::Moment::end;
      model(interpreter_).note_checkpoint(*std::move(checkpoint));
    }
  }

  // Raw and libc belong to the process, mem and obj to the interpreter.
  [[nodiscard]] static bool is_placed(Domain domain) noexcept {
    return domain == Domain::mem || domain == Domain::obj;
  }
  [[nodiscard]] Slot owner_of(Domain domain) const noexcept {
    return is_placed(domain) ? interpreter_ : kMainInterpreter;
  }

  void replay(ReplayEvent event, const Operation& operation) {
    Block& block = this->block(event.slot());
    const Slot owner = owner_of(event.domain());
    const bool is_used = operation.kind == EventKind::realloc || operation.kind == EventKind::free;
    if (is_used && event.kind() != ReplayKind::free_null && block.owner != owner) {
      ++crossings_;  // undefined in CPython, too
      return;
    }
    InterpreterModel& interpreter = model(owner);
    void* result = interpreter.perform(event, operation, block.address);
    if (event.kind() == ReplayKind::free) block.address = nullptr;
    if (operation.kind == EventKind::free) return;
    log_.report.outcomes.count(result != nullptr);
    if (result == nullptr) {
      log_.differ(std::string(name(operation.kind)), "a block", "NULL");
      return;
    }
    block = {.address = result, .owner = owner, .domain = event.domain()};
    if (is_placed(event.domain()) && operation.address != 0) {
      interpreter.compare_placement(operation, result);
    }
  }

  struct Block {
    void* address = nullptr;
    Slot owner = kMainInterpreter;  // the interpreter
    Domain domain = Domain::raw;
  };
  Block& block(Slot slot) {
    if (slot >= blocks_.size()) {
      blocks_.resize(std::max<std::size_t>(slot + std::size_t{1}, blocks_.size() * 2));
    }
    return blocks_[slot];
  }

  void leave_out(std::uint64_t count, std::string_view what) {
    if (count != 0) log_.report.not_compared.push_back(fmt::format("{} {}", count, what));
  }

  const RecordedRun& run_;
  VerifyLog& log_;
  std::map<Slot, std::unique_ptr<InterpreterModel>> models_;
  ReplayTranslator translator_;
  std::vector<Block> blocks_;
  Slot interpreter_ = kMainInterpreter;
  std::uint64_t crossings_ = 0;
  bool has_end_ = false;  // a checkpoint at the interpreter's
};

}  // namespace

VerifyReport verify_trace(const std::string& trace_path, const std::string& profile) {
  const RecordedRun run = describe(trace_path, profile);
  TraceReader reader = TraceReader::open(trace_path, {.addresses = true, .ahead = true});
  VerifyLog log;
  log.report.python = reader.metadata().python->version;
  log.report.configuration = run.configuration->name;
  log.report.places_blocks = run.configuration->mem_and_obj == Base::pymalloc;
  Verification verification(run, log);
  for_each_operation(reader, [&](const Operation& operation, std::uint64_t number) {
    verification.step(operation, number, reader.marks());
  });
  verification.finish();
  log.report.damage = reader.damage();
  return std::move(log.report);
}

}  // namespace pymemlab
