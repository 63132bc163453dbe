// What one request costs through a domain's record, per configuration and size: the indirect call
// that CPython makes, the debug hooks where configured, and the allocator below.
//
// The allocator's condition is part of the figure: a pymalloc class with no other live block gives
// its pool back at every free, which costs more than the request. Here one other block is live in
// every class used, so pools stay.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "core/pymem/memory.h"

namespace pymemlab {
namespace {

constexpr std::string_view kProfile = "3.11";
constexpr std::size_t kSizes[] = {16, 32, 64, 128, 256, 512, 600, 4096};

// A memory with one block live in the class of each size that a benchmark uses.
class Warm {
 public:
  Warm(const Configuration& configuration, std::size_t size)
      : memory_({.profile = &profile_named(kProfile), .configuration = &configuration}),
        others_{memory_.malloc(Domain::obj, size), memory_.malloc(Domain::obj, 2 * size)} {}
  ~Warm() {
    for (void* block : others_) memory_.free(Domain::obj, block);
  }
  Warm(const Warm&) = delete;
  Warm& operator=(const Warm&) = delete;

  [[nodiscard]] const AllocatorRecord& record() const { return memory_.record(Domain::obj); }

 private:
  Memory memory_;
  void* others_[2];
};

// DoNotOptimize gets constants here: of a variable g++ confuses, under AddressSanitizer, the
// register and the memory that it offers.
void malloc_free(benchmark::State& state, const Configuration& configuration, std::size_t size) {
  const Warm warm(configuration, size);
  const AllocatorRecord& api = warm.record();
  for (auto _ : state) {
    void* const block = api.malloc(api.context, size);
    benchmark::DoNotOptimize(block);
    api.free(api.context, block);
  }
  state.SetLabel("one other live block in the class");
}

void calloc_free(benchmark::State& state, const Configuration& configuration, std::size_t size) {
  const Warm warm(configuration, size);
  const AllocatorRecord& api = warm.record();
  for (auto _ : state) {
    void* const block = api.calloc(api.context, 1, size);
    benchmark::DoNotOptimize(block);
    api.free(api.context, block);
  }
  state.SetLabel("one other live block in the class");
}

// To twice the size and back: both move in pymalloc.
void realloc_both_ways(benchmark::State& state, const Configuration& configuration,
                       std::size_t size) {
  const Warm warm(configuration, size);
  const AllocatorRecord& api = warm.record();
  void* block = api.malloc(api.context, size);
  for (auto _ : state) {
    void* const larger = api.realloc(api.context, block, 2 * size);
    benchmark::DoNotOptimize(larger);
    block = api.realloc(api.context, larger, size);
    benchmark::DoNotOptimize(std::as_const(block));
  }
  api.free(api.context, block);
  state.SetLabel("one other live block in both classes");
}

void register_all() {
  using Benchmark = void (*)(benchmark::State&, const Configuration&, std::size_t);
  const std::pair<std::string_view, Benchmark> kinds[] = {
      {"malloc_free", malloc_free},
      {"calloc_free", calloc_free},
      {"realloc_both_ways", realloc_both_ways},
  };
  for (const auto& [kind, function] : kinds) {
    for (const Configuration& configuration : configurations()) {
      for (const std::size_t size : kSizes) {
        const std::string name = fmt::format("{}/{}/{}", kind, configuration.name, size);
        const Benchmark run = function;
        benchmark::RegisterBenchmark(name.c_str(), [run, &configuration, size](auto& state) {
          run(state, configuration, size);
        });
      }
    }
  }
}

}  // namespace
}  // namespace pymemlab

int main(int argc, char** argv) {
  pymemlab::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
