#include "tests/pymalloc/checked_run.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>

#include "core/os/mapped_region.h"
#include "core/pymalloc/small_heap.h"

namespace pymemlab {
namespace {

[[noreturn]] void fail(const std::string& what) {
  fmt::print(stderr, "{}\n", what);
  std::fflush(stderr);
  ::_exit(1);
}

void expect(bool holds, const char* what) {
  if (!holds) fail(what);
}

// Arenas in one window, so that a run takes the same addresses every time. Places are used again,
// lowest first; arena k starts k pages into its place, so that most are aligned to nothing.
class WindowArenas {
 public:
  WindowArenas(const Geometry& geometry, Coverage& coverage)
      : bytes_(geometry.arena_bytes),
        place_bytes_(2 * geometry.arena_bytes),
        coverage_(coverage),
        window_(MappedRegion::reserve((kPlaces + 1) * place_bytes_)) {
    const auto begin = reinterpret_cast<std::uintptr_t>(window_.data());
    first_ = (begin + place_bytes_ - 1) / place_bytes_ * place_bytes_;
  }

  ArenaRecord record() {
    return {
        .context = this,
        .alloc = [](void* self,
                    std::size_t bytes) { return static_cast<WindowArenas*>(self)->alloc(bytes); },
        .free = [](void* self, void* base,
                   std::size_t bytes) { static_cast<WindowArenas*>(self)->free(base, bytes); }};
  }
  // Scattered over the address space, so that the radix tree needs many nodes.
  static std::uint64_t nominal_base(void* self, std::uint64_t base) {
    const auto& arenas = *static_cast<const WindowArenas*>(self);
    const std::uint64_t place = (base - arenas.first_) / arenas.place_bytes_;
    return 0x100000000000 + (place * 7 % 13 << 35) + (base - arenas.first_);
  }

  bool refuse = false;
  std::size_t live = 0;
  std::size_t highest_live = 0;
  std::size_t served = 0;

 private:
  static constexpr std::size_t kPlaces = 256;

  void* alloc(std::size_t bytes) {
    expect(bytes == bytes_, "an arena of another size was asked for");
    if (refuse) {
      ++coverage_.arenas_refused;
      return nullptr;
    }
    const auto place = std::find(taken_.begin(), taken_.end(), std::uintptr_t{0});
    expect(place != taken_.end(), "more arenas than the window has");
    const auto index = static_cast<std::size_t>(place - taken_.begin());
    const std::uintptr_t base = first_ + index * place_bytes_ + index % 4 * 4096;
    *place = base;
    ++coverage_.arenas_requested;
    ++served;
    highest_live = std::max(highest_live, ++live);
    return reinterpret_cast<void*>(base);
  }
  void free(void* base, std::size_t bytes) {
    expect(bytes == bytes_, "an arena of another size was released");
    const auto place =
        std::find(taken_.begin(), taken_.end(), reinterpret_cast<std::uintptr_t>(base));
    expect(base != nullptr && place != taken_.end(), "an arena that is not held was released");
    *place = 0;
    ++coverage_.arenas_released;
    --live;
    ::madvise(base, bytes, MADV_DONTNEED);
  }

  std::size_t bytes_;
  std::size_t place_bytes_;
  Coverage& coverage_;
  MappedRegion window_;
  std::uintptr_t first_ = 0;
  std::array<std::uintptr_t, kPlaces> taken_{};
};

// libc below, counting what the heap asks for itself and refusing when it is told to.
class CountedRaw {
 public:
  CountedRaw(const Geometry& geometry, Fault fault, Coverage& coverage)
      : geometry_(geometry), fault_(fault), coverage_(coverage) {}

  AllocatorRecord record() {
    return {.context = this,
            .malloc = [](void* self, std::size_t size) -> void* { return of(self).malloc(size); },
            .calloc = [](void* self, std::size_t count, std::size_t size) -> void* {
              return of(self).calloc(count, size);
            },
            .realloc = [](void* self, void* block, std::size_t size) -> void* {
              return of(self).realloc(block, size);
            },
            .free =
                [](void* self, void* block) {
                  if (block != of(self).repeated_) std::free(block);
                }};
  }

  std::uint8_t successes = Operation::kNoFailure;
  std::size_t mids = 0;
  std::size_t leaves = 0;

 private:
  static CountedRaw& of(void* self) { return *static_cast<CountedRaw*>(self); }

  void* malloc(std::size_t size) {
    if (!allows(coverage_.raw_refused)) return nullptr;
    if (fault_ == Fault::raw_repeats && size > 600) return repeated_;
    return std::malloc(std::max<std::size_t>(size, 1));
  }
  void* calloc(std::size_t count, std::size_t size) {
    const bool mid = geometry_.radix.exists() && count == 1 && size == geometry_.radix.mid_bytes();
    const bool leaf =
        geometry_.radix.exists() && count == 1 && size == geometry_.radix.leaf_bytes();
    if (!allows(mid || leaf ? coverage_.nodes_refused : coverage_.raw_refused)) return nullptr;
    mids += mid ? 1 : 0;
    leaves += leaf ? 1 : 0;
    return std::calloc(std::max<std::size_t>(count * size, 1), 1);
  }
  void* realloc(void* block, std::size_t size) {
    const bool is_table = block == nullptr || block == table_;
    if (is_table && block != nullptr && !doubling_refused_) {
      doubling_refused_ = true;  // too rare to leave to chance
      successes = 0;
    }
    if (!allows(is_table ? coverage_.growths_refused : coverage_.raw_refused)) return nullptr;
    void* moved = std::realloc(block, std::max<std::size_t>(size, 1));
    if (is_table) table_ = moved;
    return moved;
  }
  bool allows(std::size_t& refused) {
    if (successes == Operation::kNoFailure) return true;
    if (successes > 0) return --successes, true;
    ++refused;
    return false;
  }

  Geometry geometry_;
  Fault fault_;
  Coverage& coverage_;
  const void* table_ = nullptr;  // of the arenas
  bool doubling_refused_ = false;
  void* repeated_ = std::malloc(1024);
};

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
