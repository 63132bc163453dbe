#include "core/record/inheritance.h"

#include <vector>

#include "core/base/input_error.h"
#include "core/trace/trace_reader.h"

namespace pymemlab {
namespace {

// Where the live blocks and arenas are while a trace passes by.
class Places {
 public:
  void follow(const Operation& operation) {
    switch (operation.kind) {
      case EventKind::free:
        if (operation.slot != kNoSlot) at(operation.slot).address = 0;
        break;
      case EventKind::arena_alloc: arenas_.push_back(operation.address); break;
      case EventKind::arena_free:
        if (operation.slot != kNoSlot) arenas_[operation.slot] = 0;
        break;
      default:
        if (takes_new_slot(operation.kind) || operation.kind == EventKind::realloc) put(operation);
    }
  }

  void hand_over(Assembler& assembler) const {
    for (Slot slot = 0; slot < blocks_.size(); ++slot) {
      if (blocks_[slot].address != 0)
        assembler.adopt_block(blocks_[slot].nested, blocks_[slot].address, slot);
    }
    for (Slot ordinal = 0; ordinal < arenas_.size(); ++ordinal) {
      if (arenas_[ordinal] != 0) assembler.adopt_arena(arenas_[ordinal], ordinal);
    }
    assembler.adopt_arena_requests(static_cast<Slot>(arenas_.size()));
  }

 private:
  struct Block {
    std::uint64_t address = 0;  // 0: none
    bool nested = false;
  };

  Block& at(Slot slot) {
    if (slot >= blocks_.size()) blocks_.resize(2 * std::size_t{slot} + 1);
    return blocks_[slot];
  }
  void put(const Operation& operation) {
    if (!operation.failed) at(operation.slot) = {operation.address, operation.nested};
  }

  std::vector<Block> blocks_;          // by slot
  std::vector<std::uint64_t> arenas_;  // base by ordinal; 0: refused or released
};

}  // namespace

void RecordedForks::add(std::uint32_t serial, std::uint32_t number, RecordedFork fork) {
  const std::lock_guard lock(mutex_);
  forks_.emplace(std::pair(serial, number), std::move(fork));
  changed_.notify_all();
}

void RecordedForks::end(std::uint32_t serial) {
  const std::lock_guard lock(mutex_);
  ended_.insert(serial);
  changed_.notify_all();
}

std::optional<RecordedFork> RecordedForks::wait_for(std::uint32_t serial, std::uint32_t number) {
  std::unique_lock lock(mutex_);
  auto found = forks_.end();
  changed_.wait(lock, [&] {
    found = forks_.find({serial, number});
    return found != forks_.end() || ended_.count(serial) != 0;
  });
  if (found == forks_.end()) return std::nullopt;
  return found->second;
}

void inherit(const RecordedFork& fork, TraceOutput& writer, Assembler& assembler) {
  if (fork.point.events == 0) return assembler.start_from(fork.point);
  TraceReader reader = TraceReader::open(fork.trace, {.addresses = true, .sites = true});
  Places places;
  EventBatch batch;
  while (writer.events() < fork.point.events && reader.next(batch)) {
    writer.add_sites(reader.sites());
    OperationCursor cursor(batch);
    Operation operation;
    while (writer.events() < fork.point.events && cursor.next(operation)) {
      if (operation.kind == EventKind::mark) {
        writer.mark(reader.marks()[operation.slot]);
      } else {
        writer.append(operation);
      }
      places.follow(operation);
    }
  }
  if (writer.events() < fork.point.events) {
    throw InputError("{}: holds {} events; wanted the {} before its child was forked", fork.trace,
                     writer.events(), fork.point.events);
  }
  assembler.start_from(fork.point);
  places.hand_over(assembler);
}

}  // namespace pymemlab
