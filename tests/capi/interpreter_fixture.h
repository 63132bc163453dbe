// The vocabulary of the tests of the C API: an interpreter that lives for a scope, tests over every
// profile and configuration, blocks of a domain known at run time, a small seeded generator.
#pragma once

#include <gtest/gtest.h>
#include <pymemlab/pymem.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace pymemlab::testing_capi {

inline constexpr std::array kDomains = {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};
inline constexpr std::array kConfigurations = {"pymalloc", "pymalloc_debug", "malloc",
                                               "malloc_debug"};
inline std::vector<const char*> all_profiles() {
  std::vector<const char*> names;
  for (const char* const* name = PyMemLab_ProfileNames(); *name != nullptr; ++name) {
    names.push_back(*name);
  }
  return names;
}

// Made with its scope, ended with it.
class ScopedInterpreter {
 public:
  ScopedInterpreter(const char* profile, const char* pythonmalloc) {
    EXPECT_EQ(PyMemLab_Initialize(profile, pythonmalloc), 0) << PyMemLab_LastError();
  }
  ScopedInterpreter(const ScopedInterpreter&) = delete;
  ScopedInterpreter& operator=(const ScopedInterpreter&) = delete;
  ~ScopedInterpreter() { PyMemLab_Finalize(); }
};

// One profile and one configuration.
using World = std::tuple<const char*, const char*>;
class InEveryWorld : public testing::TestWithParam<World> {
 protected:
  [[nodiscard]] static const char* profile() { return std::get<0>(GetParam()); }
  [[nodiscard]] static std::string_view configuration() { return std::get<1>(GetParam()); }
  [[nodiscard]] static bool is_debug() { return configuration().ends_with("_debug"); }
  [[nodiscard]] static bool has_pymalloc() { return configuration().starts_with("pymalloc"); }
  [[nodiscard]] static bool has_mimalloc() { return configuration().starts_with("mimalloc"); }
  // In mem and obj; from 3.15 on in raw as well.
  [[nodiscard]] static bool has_mimalloc_in_raw() {
    return has_mimalloc() && std::string_view(profile()).starts_with("3.15");
  }
  // Neither libc nor a program's own allocators count their blocks.
  [[nodiscard]] static bool counts_blocks() { return !configuration().starts_with("malloc"); }

  InEveryWorld() { EXPECT_EQ(PyMemLab_Initialize(profile(), configuration().data()), 0); }
  ~InEveryWorld() override { PyMemLab_Finalize(); }

  // In place of the fixture's interpreter, one that ends with its scope: before what it uses.
  [[nodiscard]] static ScopedInterpreter again() {
    PyMemLab_Finalize();
    return ScopedInterpreter(profile(), configuration().data());
  }
};
inline std::string world_name(const testing::TestParamInfo<World>& info) {
  std::string name = std::string(std::get<0>(info.param)) + "_" + std::get<1>(info.param);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return name;
}
// Every profile with each of `configurations` that it and the machine have.
inline std::vector<World> worlds(std::initializer_list<const char*> configurations) {
  std::vector<World> all;
  for (const char* profile : all_profiles()) {
    for (const char* configuration : configurations) {
      const bool exists = PyMemLab_Initialize(profile, configuration) == 0;
      PyMemLab_Finalize();
      if (exists) all.emplace_back(profile, configuration);
    }
  }
  return all;
}
// REQUIRES in all: raw, mem or obj.
inline void* malloc_in(PyMemAllocatorDomain domain, std::size_t size) {
  switch (domain) {
    case PYMEM_DOMAIN_RAW: return PyMem_RawMalloc(size);
    case PYMEM_DOMAIN_MEM: return PyMem_Malloc(size);
    default: return PyObject_Malloc(size);
  }
}
inline void* calloc_in(PyMemAllocatorDomain domain, std::size_t count, std::size_t size) {
  switch (domain) {
    case PYMEM_DOMAIN_RAW: return PyMem_RawCalloc(count, size);
    case PYMEM_DOMAIN_MEM: return PyMem_Calloc(count, size);
    default: return PyObject_Calloc(count, size);
  }
}
inline void* realloc_in(PyMemAllocatorDomain domain, void* block, std::size_t size) {
  switch (domain) {
    case PYMEM_DOMAIN_RAW: return PyMem_RawRealloc(block, size);
    case PYMEM_DOMAIN_MEM: return PyMem_Realloc(block, size);
    default: return PyObject_Realloc(block, size);
  }
}
inline void free_in(PyMemAllocatorDomain domain, void* block) {
  switch (domain) {
    case PYMEM_DOMAIN_RAW: return PyMem_RawFree(block);
    case PYMEM_DOMAIN_MEM: return PyMem_Free(block);
    default: return PyObject_Free(block);
  }
}

// While it lives, every request fails in all domains; free works.
class NoMemory {
 public:
  NoMemory() {
    for (const auto domain : kDomains) {
      PyMem_GetAllocator(domain, &below_[domain]);
      PyMemAllocatorEx refusing = {
          .ctx = &below_[domain],
          .malloc = [](void*, std::size_t) -> void* { return nullptr; },
          .calloc = [](void*, std::size_t, std::size_t) -> void* { return nullptr; },
          .realloc = [](void*, void*, std::size_t) -> void* { return nullptr; },
          .free =
              [](void* ctx, void* ptr) {
                const auto& below = *static_cast<PyMemAllocatorEx*>(ctx);
                below.free(below.ctx, ptr);
              }};
      PyMem_SetAllocator(domain, &refusing);
    }
  }
  NoMemory(const NoMemory&) = delete;
  NoMemory& operator=(const NoMemory&) = delete;
  ~NoMemory() {
    for (const auto domain : kDomains) PyMem_SetAllocator(domain, &below_[domain]);
  }

 private:
  std::array<PyMemAllocatorEx, 3> below_{};
};

// SplitMix64.
class Series {
 public:
  explicit Series(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t bound) {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (z ^ (z >> 31)) % bound;
  }

 private:
  std::uint64_t state_;
};

// Random requests to the domains given, each block filled with bytes of its own that are looked at
// when it is resized or freed. Ends with no block live.
inline void exercise(std::uint64_t seed, int operations,
                     const std::vector<PyMemAllocatorDomain>& domains) {
  struct Block {
    PyMemAllocatorDomain domain;
    unsigned char* at;
    std::size_t size;
    unsigned char fill;
  };
  Series series(seed);
  std::vector<Block> live;
  const auto expect_filled = [&](const Block& block, std::size_t bytes) {
    ASSERT_TRUE(std::all_of(block.at, block.at + bytes,
                            [&](unsigned char byte) { return byte == block.fill; }))
        << "seed " << seed;
  };
  const auto refill = [&](Block& block) {
    block.fill = static_cast<unsigned char>(series.below(256));
    if (block.size > 0) std::memset(block.at, block.fill, block.size);
  };
  for (int i = 0; i < operations; ++i) {
    const std::size_t size = series.below(16) == 0 ? series.below(5000) : series.below(600);
    const std::uint64_t choice = series.below(8);
    if (live.empty() || choice < 4) {
      const auto domain = domains[series.below(domains.size())];
      void* at = choice == 0 ? calloc_in(domain, size, 1) : malloc_in(domain, size);
      ASSERT_NE(at, nullptr) << "seed " << seed;
      live.push_back({domain, static_cast<unsigned char*>(at), size, 0});
      if (choice == 0) expect_filled(live.back(), size);
      refill(live.back());
      continue;
    }
    Block& block = live[series.below(live.size())];
    expect_filled(block, block.size);
    if (choice < 6) {
      void* moved = realloc_in(block.domain, block.at, size);
      ASSERT_NE(moved, nullptr) << "seed " << seed;
      block.at = static_cast<unsigned char*>(moved);
      expect_filled(block, std::min(size, block.size));
      block.size = size;
      refill(block);
    } else {
      free_in(block.domain, block.at);
      block = live.back();
      live.pop_back();
    }
  }
  for (const Block& block : live) {
    expect_filled(block, block.size);
    free_in(block.domain, block.at);
  }
}

}  // namespace pymemlab::testing_capi

// Runs the tests of `fixture`, derived from InEveryWorld, in all of them, or in those with hooks.
// ThreadSanitizer does not see how a library that it has not instrumented passes memory on between
// threads, so mimalloc is left out there.
#ifdef __SANITIZE_THREAD__
#define IN_EVERY_WORLD(fixture)                                                            \
  INSTANTIATE_TEST_SUITE_P(                                                                \
      Every, fixture,                                                                      \
      testing::ValuesIn(worlds({"pymalloc", "pymalloc_debug", "malloc", "malloc_debug"})), \
      world_name)
#else
#define IN_EVERY_WORLD(fixture)                                                         \
  INSTANTIATE_TEST_SUITE_P(                                                             \
      Every, fixture,                                                                   \
      testing::ValuesIn(worlds({"pymalloc", "pymalloc_debug", "malloc", "malloc_debug", \
                                "mimalloc", "mimalloc_debug"})),                        \
      world_name)
#endif
#define IN_EVERY_DEBUG_WORLD(fixture) \
  INSTANTIATE_TEST_SUITE_P(           \
      Every, fixture,                 \
      testing::ValuesIn(worlds({"pymalloc_debug", "malloc_debug", "mimalloc_debug"})), world_name)
