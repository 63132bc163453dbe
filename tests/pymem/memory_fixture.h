// The vocabulary of the tests of core/pymem: an inner allocator that never moves a block and keeps
// what it saw, failures caught instead of fatal, and bytes written as runs: "00*7 05 6d fd*7 cd*5".
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/pymem/memory.h"

namespace pymemlab {

inline constexpr std::size_t kLargestSize = SIZE_MAX / 2;  // CPython: PY_SSIZE_T_MAX
inline constexpr std::array kPython = {Domain::raw, Domain::mem, Domain::obj};

inline std::string runs(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (std::size_t i = 0, end; i < bytes.size(); i = end) {
    for (end = i + 1; end < bytes.size() && bytes[end] == bytes[i];) ++end;
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", bytes[i]);
    if (end - i > 1) text += fmt::format("*{}", end - i);
  }
  return text;
}
inline std::string runs(const void* begin, std::size_t size) {
  return runs({static_cast<const std::uint8_t*>(begin), size});
}

inline std::uint8_t* bytes_of(void* block) { return static_cast<std::uint8_t*>(block); }
inline void fill(void* block, int byte, std::size_t size) { std::memset(block, byte, size); }

// Stands below everything. Blocks have room to grow in place, are never given back before the end,
// and `calls` and `seen` say what was asked and what the block held at the last realloc or free.
class WatchedAllocator {
 public:
  static constexpr std::size_t kRoom = 64 * kKiB;

  AllocatorRecord record() {
    return {
        .context = this,
        .malloc = [](void* self,
                     std::size_t size) { return of(self).serve("malloc {}", 0xA5, size, size); },
        .calloc =
            [](void* self, std::size_t count, std::size_t size) {
              return of(self).serve("calloc {}", 0, count * size,
                                    fmt::format("{} {}", count, size));
            },
        .realloc = [](void* self, void* block,
                      std::size_t size) { return of(self).resize(block, size); },
        .free =
            [](void* self, void* block) {
              of(self).calls.emplace_back("free");
              of(self).watch(block);
            }};
  }

  std::vector<std::string> calls;
  std::vector<std::uint8_t> seen;
  bool failing = false;

 private:
  static WatchedAllocator& of(void* self) { return *static_cast<WatchedAllocator*>(self); }

  template <typename Arguments>
  void* serve(fmt::format_string<const Arguments&> call, int byte, std::size_t size,
              const Arguments& arguments) {
    calls.push_back(fmt::format(call, arguments));
    if (failing || size > kRoom) return nullptr;
    rooms_.push_back(std::make_unique<std::uint8_t[]>(kRoom));
    void* block = rooms_.back().get();
    fill(block, byte, size);
    sizes_[block] = size;
    return block;
  }
  void* resize(void* block, std::size_t size) {
    calls.push_back(fmt::format("realloc {}", size));
    if (block == nullptr) return serve("malloc {}", 0xA5, size, size);
    watch(block);
    if (failing || size > kRoom) return nullptr;
    sizes_[block] = size;
    return block;
  }
  void watch(void* block) {
    if (block == nullptr) return;
    ASSERT_TRUE(sizes_.contains(block)) << "a block that was never given out came back";
    seen.assign(bytes_of(block), bytes_of(block) + sizes_[block]);
  }

  std::vector<std::unique_ptr<std::uint8_t[]>> rooms_;
  std::map<void*, std::size_t> sizes_;
};

// Failures that the debug hooks found, with CPython's texts at that moment.
struct CaughtFailures {
  struct Caught {
    DebugFailure failure;
    std::string text;
  };
  std::vector<Caught> all;

  DebugReporter reporter() {
    return {.report =
                [](void* self, const DebugFailure& failure, const Profile& profile) {
                  static_cast<CaughtFailures*>(self)->all.push_back(
                      {failure, debug_dump(failure, profile) + fatal_error_text(failure, profile)});
                },
            .context = this};
  }
};

// A forwarding hook that keeps what it was called with, as CPython's own tests install one.
struct Forwarder {
  explicit Forwarder(const AllocatorRecord& below) : inner(below) {}
  AllocatorRecord record() {
    return {.context = this,
            .malloc =
                [](void* self, std::size_t size) {
                  Forwarder& hook = of(self);
                  hook.calls.push_back(fmt::format("malloc {}", size));
                  return hook.inner.malloc(hook.inner.context, size);
                },
            .calloc =
                [](void* self, std::size_t count, std::size_t size) {
                  Forwarder& hook = of(self);
                  hook.calls.push_back(fmt::format("calloc {} {}", count, size));
                  return hook.inner.calloc(hook.inner.context, count, size);
                },
            .realloc =
                [](void* self, void* block, std::size_t size) {
                  Forwarder& hook = of(self);
                  hook.calls.push_back(fmt::format("realloc {} {}", block, size));
                  return hook.inner.realloc(hook.inner.context, block, size);
                },
            .free =
                [](void* self, void* block) {
                  Forwarder& hook = of(self);
                  hook.calls.push_back(fmt::format("free {}", block));
                  hook.inner.free(hook.inner.context, block);
                }};
  }
  AllocatorRecord inner;
  std::vector<std::string> calls;

 private:
  static Forwarder& of(void* self) { return *static_cast<Forwarder*>(self); }
};

inline MemoryOptions options_for(const Profile& profile, std::string_view configuration) {
  return {.profile = &profile, .configuration = &configuration_for(configuration, profile)};
}

}  // namespace pymemlab
