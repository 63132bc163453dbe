// Random requests in every configuration of several profiles, held against a plain model: bytes
// survive, blocks are aligned and apart, and what they cost adds up.
#include "core/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

class RandomRequests {
 public:
  RandomRequests(const Profile& profile, const Configuration& configuration, std::uint64_t seed)
      : memory_({.profile = &profile, .configuration = &configuration}), random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) step();
    while (!live_.empty()) release(live_.begin());
    EXPECT_EQ(memory_.allocated_blocks(), 0);
    if (memory_.heap() != nullptr) memory_.heap()->check_invariants();
  }

 private:
  struct Block {
    Domain domain;
    std::size_t size;
    std::uint8_t first;  // byte i holds first + i
  };
  using Live = std::map<std::uint8_t*, Block>;

  void step() {
    const auto what = random_.below(10);
    if (live_.size() < 20 || what < 5) return allocate(what % 2 == 0);
    const auto chosen = std::next(
        live_.begin(),
        static_cast<std::ptrdiff_t>(random_.below(std::min<std::size_t>(live_.size(), 50))));
    if (what < 7) return resize(chosen);
    release(chosen);
  }

  std::size_t some_size() {
    switch (random_.below(8)) {
      case 0: return 0;
      case 1: return random_.between(470, 530);
      case 2: return random_.between(500, 6000);
      default: return random_.between(1, 300);
    }
  }

  void allocate(bool zeroed) {
    const auto domain = static_cast<Domain>(random_.below(3));
    const std::size_t size = some_size();
    auto* block = bytes_of(zeroed ? memory_.calloc(domain, 1, size) : memory_.malloc(domain, size));
    ASSERT_NE(block, nullptr);
    for (std::size_t i = 0; zeroed && i < size; ++i) ASSERT_EQ(block[i], 0);
    adopt(block, {domain, size, static_cast<std::uint8_t>(random_.next())});
  }

  void adopt(std::uint8_t* block, const Block& facts) {
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    const std::size_t alignment = std::min<std::size_t>(memory_.geometry().alignment, 16);
    ASSERT_EQ(address % alignment, 0u);
    const auto [at, fresh] = live_.emplace(block, facts);
    ASSERT_TRUE(fresh) << "a live block was given out again";
    ASSERT_TRUE(at == live_.begin() || end_of(*std::prev(at)) <= block);
    ASSERT_TRUE(std::next(at) == live_.end() || end_of(*at) <= std::next(at)->first);
    for (std::size_t i = 0; i < facts.size; ++i) block[i] = byte_of(facts, i);

    const BlockCost cost = memory_.cost(facts.domain, block);
    ASSERT_GE(cost.usable_bytes, facts.size + cost.hook_bytes);
    if (cost.in_pool) {
      // A block is kept by realloc while more than three quarters of it are used.
      const std::size_t rounding = cost.usable_bytes - facts.size - cost.hook_bytes;
      ASSERT_LE(rounding, std::max(alignment - 1, cost.usable_bytes / 4));
    }
  }

  void resize(Live::iterator chosen) {
    const auto [block, facts] = *chosen;
    const std::size_t size = some_size();
    auto* moved = bytes_of(memory_.realloc(facts.domain, block, size));
    ASSERT_NE(moved, nullptr);
    expect_bytes(moved, facts, std::min(size, facts.size));
    live_.erase(chosen);
    adopt(moved, {facts.domain, size, static_cast<std::uint8_t>(random_.next())});
  }

  void release(Live::iterator chosen) {
    const auto [block, facts] = *chosen;
    expect_bytes(block, facts, facts.size);
    live_.erase(chosen);
    memory_.free(facts.domain, block);
  }

  void expect_bytes(const std::uint8_t* block, const Block& facts, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(block[i], byte_of(facts, i)) << "byte " << i;
  }
  static std::uint8_t byte_of(const Block& facts, std::size_t i) {
    return static_cast<std::uint8_t>(facts.first + i);
  }
  // Zero-byte blocks are apart from others too.
  static std::uint8_t* end_of(const Live::value_type& block) {
    return block.first + std::max<std::size_t>(block.second.size, 1);
  }

  Memory memory_;
  Random random_;
  Live live_;
};

TEST(RandomRequests, KeepTheirBytesInEveryConfiguration) {
  for (const auto* profile :
       {"3.6", "3.7.3", "3.7", "3.8", "3.9", "3.10", "3.12", "3.15-hugepages"}) {
    for (const Configuration& configuration : configurations()) {
      for (const std::uint64_t seed : {1u, 2u}) {
        SCOPED_TRACE(fmt::format("{} {} seed {}", profile, configuration.name, seed));
        RandomRequests(profile_named(profile), configuration, seed).run(5000);
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace pymemlab
