#include "tests/pymalloc/checked_run.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>

#include "core/pymalloc/small_heap.h"
#include "tests/pymalloc/misbehaving_sources.h"

namespace pymemlab {
namespace {

// The heap beside what the operations make of it.
class CheckedRun {
 public:
  CheckedRun(const Geometry& geometry, Fault fault, Coverage& coverage)
      : geometry_(geometry),
        arenas_(geometry, coverage),
        raw_(geometry, fault, coverage),
        raw_record_(raw_.record()),
        arena_record_(arenas_.record()),
        heap_(make_small_heap(
            geometry, &raw_record_, &arena_record_,
            {.nominal_base = WindowArenas::nominal_base, .nominal_base_context = &arenas_})),
        api_(heap_->record()),
        blocks_(Operation::kSlots) {}

  void run(const Operation& operation) {
    arenas_.refuse = operation.arena_fails;
    raw_.successes = operation.raw_requests;
    Block& block = blocks_[operation.slot];
    switch (operation.kind) {
      case Operation::Kind::malloc:
        if (block.address == nullptr)
          enter(block, api_.malloc(api_.context, operation.size), operation.size);
        break;
      case Operation::Kind::calloc:
        if (block.address == nullptr) clear(block, operation.size);
        break;
      case Operation::Kind::realloc:
        if (block.address != nullptr) resize(block, operation.size);
        break;
      case Operation::Kind::free:
        if (block.address != nullptr) release(block);
        break;
    }
    check();
  }

 private:
  struct Block {
    unsigned char* address = nullptr;
    std::uint16_t size = 0;
    unsigned char fill = 0;
    std::optional<std::size_t> size_class = {};  // of a block in a pool
  };

  void clear(Block& block, std::uint16_t size) {
    auto* address = static_cast<unsigned char*>(api_.calloc(api_.context, 1, size));
    for (std::size_t i = 0; address != nullptr && i < size; ++i)
      expect(address[i] == 0, "calloc left bytes");
    enter(block, address, size);
  }

  void resize(Block& block, std::uint16_t size) {
    const Block before = block;
    auto* moved = static_cast<unsigned char*>(api_.realloc(api_.context, before.address, size));
    if (moved == nullptr) return check_bytes(before, before.size);
    leave(block);
    Block now = before;
    now.address = moved;
    check_bytes(now, std::min(size, before.size));
    enter(block, moved, size);
  }

  void release(Block& block) {
    check_bytes(block, block.size);
    void* address = block.address;
    leave(block);
    api_.free(api_.context, address);
  }

  void enter(Block& block, void* address, std::uint16_t size) {
    if (address == nullptr) return;
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    const std::size_t taken = std::max<std::size_t>(size, 1);
    const auto next = ends_.lower_bound(at);
    expect(next == ends_.end() || next->first >= at + taken, "a block lies over the next one");
    expect(next == ends_.begin() || std::prev(next)->second <= at, "a block lies over another");
    expect(at % geometry_.alignment == 0, "a block is not aligned");
    ends_.emplace(at, at + taken);
    block = {.address = static_cast<unsigned char*>(address),
             .size = size,
             .fill = static_cast<unsigned char>(++fill_)};
    std::memset(address, block.fill, size);
    ++live_;
    if (!heap_->owns(address)) return;
    expect(size != 0 && size <= Geometry::small_limit, "a pool served what raw serves");
    block.size_class = heap_->block_bytes(address) / geometry_.alignment - 1;
    ++pooled_[*block.size_class];
  }

  void leave(Block& block) {
    ends_.erase(reinterpret_cast<std::uintptr_t>(block.address));
    if (block.size_class) --pooled_[*block.size_class];
    block = {};
    --live_;
  }

  static void check_bytes(const Block& block, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      expect(block.address[i] == block.fill, "a block lost its bytes");
    }
  }

  // The heap's own invariants, and its statistics from outside.
  void check() const {
    heap_->check_invariants();
    const HeapStatistics s = heap_->statistics();
    std::size_t allocated = 0;
    for (std::size_t c = 0; c < s.size_classes; ++c) {
      expect(s.classes[c].live_blocks == pooled_[c], "a size class miscounts its live blocks");
      allocated += pooled_[c] * geometry_.block_bytes(c);
    }
    expect(s.allocated_bytes == allocated, "the allocated bytes are others");
    expect(s.arenas_current == arenas_.live, "arenas are live that nobody holds");
    expect(s.arenas_total <= arenas_.served && s.arenas_highwater <= arenas_.highest_live,
           "more arenas are counted than there were");
    expect(s.total_bytes() == s.arenas_current * geometry_.arena_bytes, "the bytes do not add up");
    expect(s.mid_nodes == raw_.mids && s.leaf_nodes == raw_.leaves, "nodes are miscounted");
    expect(heap_->allocated_blocks() == static_cast<std::int64_t>(live_), "blocks are miscounted");
  }

  Geometry geometry_;
  WindowArenas arenas_;
  CountedRaw raw_;
  AllocatorRecord raw_record_;
  ArenaRecord arena_record_;
  std::unique_ptr<SmallHeap> heap_;
  AllocatorRecord api_;
  std::vector<Block> blocks_;
  std::map<std::uintptr_t, std::uintptr_t> ends_;  // of live blocks, by where they begin
  std::array<std::size_t, 64> pooled_{};           // live, by size class
  std::size_t live_ = 0;
  unsigned fill_ = 0;
};

// What a child leaves behind for its parent.
struct Progress {
  std::size_t operation = 0;
  Coverage coverage;
};

std::string all_of(int descriptor) {
  std::string text;
  char buffer[4096];
  for (ssize_t bytes; (bytes = ::read(descriptor, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(bytes));
  }
  return text;
}

[[noreturn]] void be_the_child(const Geometry& geometry, const std::vector<Operation>& operations,
                               Fault fault, Progress& progress, int errors) {
  ::dup2(errors, STDERR_FILENO);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  auto* run = new CheckedRun(geometry, fault, progress.coverage);  // ended with the process
  for (const Operation& operation : operations) {
    run->run(operation);
    ++progress.operation;
  }
  ::_exit(0);
}

}  // namespace

RunOutcome run_operations(const Geometry& geometry, const std::vector<Operation>& operations,
                          Fault fault) {
  auto* progress = static_cast<Progress*>(
      ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  int errors[2];
  if (progress == MAP_FAILED || ::pipe(errors) != 0) throw std::runtime_error("no room for a run");
  *progress = {};
  const pid_t child = ::fork();
  if (child == 0) be_the_child(geometry, operations, fault, *progress, errors[1]);
  ::close(errors[1]);
  std::string said = all_of(errors[0]);
  ::close(errors[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  RunOutcome outcome{
      .failure = {}, .operation = progress->operation, .coverage = progress->coverage};
  ::munmap(progress, sizeof(Progress));
  if (status != 0) {
    if (WIFSIGNALED(status)) said += fmt::format("(signal {})\n", WTERMSIG(status));
    outcome.failure = said;
  }
  return outcome;
}

}  // namespace pymemlab
