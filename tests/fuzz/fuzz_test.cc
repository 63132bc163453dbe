// The committed corpus, as it is and changed at random, through every reader of a format: nothing
// crashes, hangs or allocates without bound. libFuzzer does the same better, where there is clang.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/trace/format.h"
#include "tests/fuzz/fuzz_one.h"

namespace {

// The largest single allocation since it was last set to 0.
std::atomic<std::size_t> largest_allocation = 0;

void* allocate(std::size_t bytes) {
  if (bytes > largest_allocation) largest_allocation = bytes;
  void* block = std::malloc(bytes);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }

namespace pymemlab {
namespace {

using Input = std::vector<std::uint8_t>;

std::filesystem::path corpus_of(std::string_view format) {
  const char* source = std::getenv("PYMEMLAB_SOURCE");
  return std::filesystem::path(source == nullptr ? "." : source) / "tests/fuzz/corpus" / format;
}

std::vector<Input> corpus(std::string_view format) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(corpus_of(format)))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Input> inputs;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

// One change: a bit, a byte, a run left out or doubled, a piece of another file.
void change(Input& input, const std::vector<Input>& all, Random& random) {
  constexpr std::uint8_t kTelling[] = {0, 1, 0x7F, 0x80, 0xFF, '\n', ' ', '0', '9', '-'};
  if (input.empty()) input.push_back(0);
  const std::size_t at = random.below(input.size());
  const std::size_t run = 1 + random.below(std::min<std::size_t>(input.size() - at, 40));
  const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
  const auto end = place + static_cast<std::ptrdiff_t>(run);
  switch (random.below(6)) {
    case 0: *place ^= static_cast<std::uint8_t>(1u << random.below(8)); return;
    case 1: *place = kTelling[random.below(std::size(kTelling))]; return;
    case 2: std::fill(place, end, kTelling[random.below(std::size(kTelling))]); return;
    case 3: input.erase(place, end); return;
    case 4: {
      const Input doubled(place, end);
      input.insert(place, doubled.begin(), doubled.end());
      return;
    }
    default: {
      const Input& other = all[random.below(all.size())];
      const std::size_t from = random.below(other.size() + 1);
      const std::size_t to = std::min(other.size(), from + random.below(60));
      input.insert(place, other.begin() + static_cast<std::ptrdiff_t>(from),
                   other.begin() + static_cast<std::ptrdiff_t>(to));
      return;
    }
  }
}

class Fuzz : public ::testing::TestWithParam<std::string> {
 protected:
  // A compressed column may be large, as the format says; nothing else is.
  void expect_harmless(const Input& input) const {
    using Clock = std::chrono::steady_clock;
    const std::size_t most = GetParam() == "pmtrace" ? 300u << 20 : (40u << 20) + 64 * input.size();
    largest_allocation = 0;
    const Clock::time_point start = Clock::now();
    testing::fuzz_one(GetParam(), input);
    EXPECT_LT(largest_allocation, most);
    EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
  }
};

TEST_P(Fuzz, ReadsTheCorpus) {
  const std::vector<Input> inputs = corpus(GetParam());
  ASSERT_GE(inputs.size(), 2u) << corpus_of(GetParam());
  const auto accepted = std::count_if(inputs.begin(), inputs.end(), [](const Input& input) {
    return testing::fuzz_one(GetParam(), input);
  });
  EXPECT_GE(accepted, 1);
  for (const Input& input : inputs) expect_harmless(input);
}

TEST_P(Fuzz, SurvivesTheCorpusChanged) {
  const std::vector<Input> inputs = corpus(GetParam());
  constexpr std::uint64_t kTries = 2000;
  for (std::uint64_t seed = 1; seed <= kTries && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Input input = inputs[random.below(inputs.size())];
    for (std::uint64_t changes = random.between(1, 6); changes > 0; --changes)
      change(input, inputs, random);
    expect_harmless(input);
  }
}

std::vector<std::string> formats_that_are_read() {
  std::vector<std::string> names;
  for (const TraceFormat& format : trace_formats())
    if (is_read(format)) names.emplace_back(format.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Formats, Fuzz, ::testing::ValuesIn(formats_that_are_read()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace pymemlab
