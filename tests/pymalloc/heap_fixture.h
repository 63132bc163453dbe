// The vocabulary of the allocator's tests: a heap whose arenas and raw requests are logged, lie
// where the test says and fail when it says. Results read as in the specification: "A0+48" or "R".
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/os/mapped_region.h"
#include "core/pymalloc/small_heap.h"

namespace pymemlab {

// Arenas at `residue` modulo the pool size, never at the same place twice.
class LoggedArenas {
 public:
  explicit LoggedArenas(const Geometry& geometry, std::size_t residue_bytes = 0)
      : geometry_(geometry), residue_(residue_bytes) {}

  ArenaRecord record() {
    return {.context = this,
            .alloc = [](void* self,
                        std::size_t size) { return static_cast<LoggedArenas*>(self)->alloc(size); },
            .free = [](void* self, void* base,
                       std::size_t size) { static_cast<LoggedArenas*>(self)->free(base, size); }};
  }
  void fail_next(int times) { failures_ = times; }
  void fail_randomly(std::uint64_t (*next)(void*), void* context) {
    random_ = next, random_context_ = context;
  }
  [[nodiscard]] std::size_t requested() const { return requested_; }
  [[nodiscard]] std::size_t released() const { return released_; }
  // "+k" and "-k" lines, one an arena request and release.
  std::vector<std::string> log;

 private:
  void* alloc(std::size_t size) {
    EXPECT_EQ(size, geometry_.arena_bytes);
    if (failures_ > 0) {
      --failures_;
      return nullptr;
    }
    if (random_ != nullptr && random_(random_context_) % 4 == 0) return nullptr;
    MappedRegion region = MappedRegion::reserve(size + geometry_.pool_bytes * 2);
    auto address = reinterpret_cast<std::uintptr_t>(region.data());
    address = (address + geometry_.pool_bytes - 1) / geometry_.pool_bytes * geometry_.pool_bytes +
              residue_;
    log.push_back(fmt::format("+{}", requested_));
    live_.emplace(address, Arena{std::move(region), requested_++});
    return reinterpret_cast<void*>(address);
  }
  void free(void* base, std::size_t size) {
    EXPECT_EQ(size, geometry_.arena_bytes);
    const auto found = live_.find(reinterpret_cast<std::uintptr_t>(base));
    ASSERT_NE(found, live_.end()) << "an arena that is not held was released";
    log.push_back(fmt::format("-{}", found->second.ordinal));
    retired_.push_back(std::move(found->second.region));  // so that no later arena lies there
    live_.erase(found);
    ++released_;
  }

  struct Arena {
    MappedRegion region;
    std::size_t ordinal;
  };
  Geometry geometry_;
  std::size_t residue_;
  std::map<std::uintptr_t, Arena> live_;
  std::vector<MappedRegion> retired_;
  std::size_t requested_ = 0;
  std::size_t released_ = 0;
  int failures_ = 0;
  std::uint64_t (*random_)(void*) = nullptr;
  void* random_context_ = nullptr;
};

// Raw requests go to libc; each is logged as "malloc 0", "realloc NULL 768", "calloc 1 262144",
// "free".
class LoggedRaw {
 public:
  LoggedRaw() = default;
  LoggedRaw(const LoggedRaw&) = delete;
  LoggedRaw& operator=(const LoggedRaw&) = delete;
  // Frees what the test left behind.
  ~LoggedRaw() {
    for (void* block : live_) std::free(block);
  }

  AllocatorRecord record() {
    return {.context = this,
            .malloc = [](void* self, std::size_t size) { return of(self).malloc(size); },
            .calloc = [](void* self, std::size_t count,
                         std::size_t size) { return of(self).calloc(count, size); },
            .realloc = [](void* self, void* block,
                          std::size_t size) { return of(self).realloc(block, size); },
            .free = [](void* self, void* block) { of(self).free(block); }};
  }
  std::vector<std::string> log;
  // Requests to let through before failing each one; negative: never fail.
  int successes = -1;

 private:
  static LoggedRaw& of(void* self) { return *static_cast<LoggedRaw*>(self); }

  void* malloc(std::size_t size) {
    return allowed(fmt::format("malloc {}", size))
               ? keep(std::malloc(std::max<std::size_t>(size, 1)))
               : nullptr;
  }
  void* calloc(std::size_t count, std::size_t size) {
    if (!allowed(fmt::format("calloc {} {}", count, size))) return nullptr;
    return keep(std::calloc(std::max<std::size_t>(count * size, 1), 1));
  }
  void* realloc(void* block, std::size_t size) {
    if (!allowed(fmt::format("realloc {} {}", block ? "block" : "NULL", size))) return nullptr;
    live_.erase(block);
    return keep(std::realloc(block, std::max<std::size_t>(size, 1)));
  }
  void free(void* block) {
    log.emplace_back("free");
    live_.erase(block);
    std::free(block);
  }
  void* keep(void* block) {
    live_.insert(block);
    return block;
  }
  bool allowed(std::string line) {
    log.push_back(std::move(line));
    if (successes < 0) return true;
    if (successes == 0) return false;
    --successes;
    return true;
  }

  std::set<void*> live_;
};

class Heap {
 public:
  explicit Heap(const Geometry& geometry, std::size_t residue_bytes = 0,
                SmallHeapOptions options = {})
      : arenas(geometry, residue_bytes),
        raw_record_(raw.record()),
        arena_record_(arenas.record()),
        heap_(make_small_heap(geometry, &raw_record_, &arena_record_, options)),
        api_(heap_->record()) {}

  void* malloc(std::size_t size) { return api_.malloc(api_.context, size); }
  void* calloc(std::size_t count, std::size_t size) {
    return api_.calloc(api_.context, count, size);
  }
  void* realloc(void* block, std::size_t size) { return api_.realloc(api_.context, block, size); }
  void free(void* block) { api_.free(api_.context, block); }
  std::vector<void*> malloc_many(std::size_t count, std::size_t size) {
    std::vector<void*> blocks(count);
    for (void*& block : blocks) block = malloc(size);
    return blocks;
  }
  void free_range(const std::vector<void*>& blocks, std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) free(blocks[i]);
  }
  [[nodiscard]] std::string where(const void* block) const {
    const std::optional<Placement> placement = heap_->placement(block);
    return placement ? fmt::format("A{}+{}", placement->arena, placement->offset_bytes) : "R";
  }
  SmallHeap& operator*() { return *heap_; }
  SmallHeap* operator->() { return heap_.get(); }
  AllocatorRecord& raw_record() { return raw_record_; }

  LoggedArenas arenas;
  LoggedRaw raw;

 private:
  AllocatorRecord raw_record_;
  ArenaRecord arena_record_;
  std::unique_ptr<SmallHeap> heap_;
  AllocatorRecord api_;
};

}  // namespace pymemlab
