// The allocator's invariants and statistics after every operation of long random runs in every
// geometry, with arenas and raw requests refused on the way. PYMEMLAB_RANDOM_OPERATIONS says how
// many operations a run has, PYMEMLAB_RANDOM_SEED with which seed the first begins.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>

#include "core/base/minimised.h"
#include "tests/pymalloc/checked_run.h"

namespace pymemlab {
namespace {

std::size_t setting(const char* name, std::size_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// The failing run, cut to what suffices: what there is to read when one fails.
std::string report(const Geometry& geometry, std::uint64_t seed, std::vector<Operation> operations,
                   const RunOutcome& outcome, Fault fault = Fault::none) {
  operations.resize(std::min(outcome.operation + 1, operations.size()));
  const auto fails = [&](const std::vector<Operation>& some) {
    return run_operations(geometry, some, fault).failure.has_value();
  };
  const std::size_t before = operations.size();
  operations = minimised<Operation>(std::move(operations), fails);
  for (Operation& operation : operations) {  // nothing is refused that need not be
    const Operation as_it_was = operation;
    operation.arena_fails = false;
    operation.raw_requests = Operation::kNoFailure;
    if (!fails(operations)) operation = as_it_was;
  }
  return fmt::format("seed {}, operation {}: {}{} of {} operations suffice:\n{}", seed,
                     outcome.operation, *outcome.failure, operations.size(), before,
                     listing(operations));
}

struct Row {
  const char* name;
  Geometry geometry;
  std::size_t quick_arenas;  // how many it fills in a quick run

  friend std::ostream& operator<<(std::ostream& stream, const Row& row) {
    return stream << row.name;
  }
};

class RandomOperations : public testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Geometries, RandomOperations,
                         testing::Values(Row{"python36", kGeometry36, 5},
                                         Row{"python37", kGeometry37, 17},
                                         Row{"python39", kGeometry39, 5},
                                         Row{"python310", kGeometry310, 2},
                                         Row{"python311", kGeometry311, 2},
                                         Row{"python315hugepages", kGeometry315HugePages, 1}),
                         [](const auto& info) { return info.param.name; });

TEST_P(RandomOperations, KeepEveryInvariantWhateverFails) {
  constexpr std::size_t kQuick = 40'000;
  const auto& [name, geometry, quick_arenas] = GetParam();
  const std::size_t count = setting("PYMEMLAB_RANDOM_OPERATIONS", kQuick);
  const bool quick = count <= kQuick;
  const std::uint64_t first_seed = setting("PYMEMLAB_RANDOM_SEED", 1);
  Coverage met;
  for (std::uint64_t seed = first_seed; seed < first_seed + (quick ? 1 : 3); ++seed) {
    const std::vector<Operation> operations =
        random_operations(seed, count, (quick ? quick_arenas : 18) * geometry.arena_bytes);
    const RunOutcome outcome = run_operations(geometry, operations);
    ASSERT_FALSE(outcome.failure) << name << ", " << report(geometry, seed, operations, outcome);
    EXPECT_EQ(outcome.operation, count);
    met.arenas_requested += outcome.coverage.arenas_requested;
    met.arenas_refused += outcome.coverage.arenas_refused;
    met.arenas_released += outcome.coverage.arenas_released;
    met.growths_refused += outcome.coverage.growths_refused;
    met.nodes_refused += outcome.coverage.nodes_refused;
    met.raw_refused += outcome.coverage.raw_refused;
  }
  EXPECT_GT(met.arenas_requested, quick_arenas);
  EXPECT_GT(met.arenas_refused, 0u);
  EXPECT_GT(met.arenas_released, 0u);
  EXPECT_GT(met.growths_refused, !quick || quick_arenas > 16 ? 1u : 0u) << "of 16, then of 32";
  EXPECT_GT(met.raw_refused, 0u);
  EXPECT_EQ(met.nodes_refused > 0, geometry.radix.exists());
}

// Whoever breaks a heap is caught, and what is printed can be read.
TEST(RandomOperations, AFailingRunIsCutToTheFewOperationsThatFail) {
  const std::vector<Operation> operations = random_operations(7, 5000, kMiB);
  const RunOutcome outcome = run_operations(kGeometry39, operations, Fault::raw_repeats);
  ASSERT_TRUE(outcome.failure);
  EXPECT_THAT(report(kGeometry39, 7, operations, outcome, Fault::raw_repeats),
              testing::MatchesRegex("seed 7, operation [0-9]+: a block lies over [^\n]*\n"
                                    "[23] of [0-9]+ operations suffice:\n"
                                    "malloc s[0-9]+ [^\n]*\n[^$]*"
                                    "malloc s[0-9]+ 6[0-9]+[^\n]*\n"));
  EXPECT_EQ(run_operations(kGeometry39, operations).failure, std::nullopt);
}

TEST(Listing, IsALineAnOperation) {
  using Kind = Operation::Kind;
  EXPECT_EQ(listing({{.kind = Kind::malloc, .arena_fails = true, .slot = 3, .size = 512},
                     {.kind = Kind::realloc, .raw_requests = 1, .slot = 3, .size = 16},
                     {.kind = Kind::free, .slot = 3}}),
            "malloc s3 512, no arena\nrealloc s3 16, raw fails after 1\nfree s3\n");
}

TEST(Minimised, KeepsWhatFailsAloneOrTogether) {
  std::vector<int> items(100);
  for (int i = 0; i < 100; ++i) items[static_cast<std::size_t>(i)] = i;
  const auto has = [](const std::vector<int>& some, int item) {
    return std::find(some.begin(), some.end(), item) != some.end();
  };
  EXPECT_THAT(minimised<int>(items, [&](const auto& some) { return has(some, 42); }),
              testing::ElementsAre(42));
  EXPECT_THAT(
      minimised<int>(
          items, [&](const auto& some) { return has(some, 0) && has(some, 50) && has(some, 99); }),
      testing::ElementsAre(0, 50, 99));
  EXPECT_THAT(minimised<int>({1}, [](const auto&) { return true; }), testing::IsEmpty());
}

}  // namespace
}  // namespace pymemlab
