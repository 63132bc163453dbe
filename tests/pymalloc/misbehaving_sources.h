// What a checked run of a heap stands on: arenas and raw memory that are refused when an operation
// says so, and that count what was asked of them. For a child process: a fault ends it.
#pragma once

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/os/mapped_region.h"
#include "core/pymalloc/allocator_record.h"
#include "core/pymalloc/geometry.h"
#include "tests/pymalloc/checked_run.h"

namespace pymemlab {

[[noreturn]] inline void fail(const std::string& what) {
  fmt::print(stderr, "{}\n", what);
  std::fflush(stderr);
  ::_exit(1);
}

inline void expect(bool holds, const char* what) {
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

}  // namespace pymemlab
