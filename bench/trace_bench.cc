// Reading and writing traces, in events a second. The stream is synthetic but shaped like those of
// real programs: most blocks die young, some in the order of their making when a structure is torn
// down, a few late. A real trace in the environment variable PYMEMLAB_TRACE takes its place.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/trace/summary.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"

namespace pymemlab {
namespace {

// Operations with the addresses that a last-in, first-out allocator would give.
class Churn {
 public:
  static std::vector<Operation> make(std::size_t events) {
    Churn churn;
    while (churn.operations_.size() < events) churn.step();
    return std::move(churn.operations_);
  }

 private:
  struct Block {
    Slot slot = 0;
    std::uint64_t size = 0;
    std::uint64_t address = 0;
  };

  void step() {
    if (random_.chance(1, 200)) return tear_down();
    if (live_.size() < 2000 || random_.chance(1, 2)) return allocate();
    const std::uint64_t age = random_.chance(9, 10) ? random_.below(4) : random_.below(2000);
    release(live_.size() - 1 - age);
  }
  void tear_down() {
    const std::size_t size = std::min<std::size_t>(live_.size(), 20 + random_.below(100));
    for (std::size_t i = 0; i < size; ++i) release(live_.size() - size + i);
  }
  void allocate() {
    const std::uint64_t size = 16 * kSizes[random_.below(kSizes.size())];
    std::vector<std::uint64_t>& freed = freed_[size / 16];
    std::uint64_t address = top_;
    if (freed.empty()) {
      top_ += size;
    } else {
      address = freed.back();
      freed.pop_back();
    }
    Slot slot = next_slot_;
    if (free_slots_.empty()) {
      ++next_slot_;
    } else {
      slot = free_slots_.back();
      free_slots_.pop_back();
    }
    live_.push_back({slot, size, address});
    operations_.push_back(
        {.domain = Domain::obj, .slot = slot, .size = size - 8, .address = address});
  }
  void release(std::size_t at) {
    const Block block = live_[at];
    live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(at));
    freed_[block.size / 16].push_back(block.address);
    free_slots_.push_back(block.slot);
    operations_.push_back({.kind = EventKind::free, .domain = Domain::obj, .slot = block.slot});
  }

  static constexpr std::array<std::uint64_t, 16> kSizes = {2, 2, 3, 3, 3, 4, 4,  4,
                                                           4, 4, 5, 6, 9, 4, 13, 32};
  Random random_{1};
  std::vector<Operation> operations_;
  std::vector<Block> live_;
  std::vector<Slot> free_slots_;
  std::array<std::vector<std::uint64_t>, 33> freed_;
  std::uint64_t top_ = 0x7f0000000000;
  Slot next_slot_ = 0;
};

std::vector<Operation> operations_of(const std::string& path) {
  TraceReader reader = TraceReader::open(path, {.addresses = true});
  std::vector<Operation> operations;
  EventBatch batch;
  Operation operation;
  while (reader.next(batch)) {
    OperationCursor cursor(batch);
    while (cursor.next(operation))
      if (operation.kind != EventKind::mark) operations.push_back(operation);
  }
  return operations;
}

const std::vector<Operation>& operations() {
  static const std::vector<Operation> made = [] {
    constexpr std::size_t kEvents = 2'000'000;
    const char* path = std::getenv("PYMEMLAB_TRACE");
    return path == nullptr ? Churn::make(kEvents) : operations_of(path);
  }();
  return made;
}

void write(const std::string& path, TraceWriterOptions options) {
  TraceWriter writer = TraceWriter::create(path, {.source = "bench"}, options);
  for (const Operation& operation : operations()) writer.append(operation);
  writer.finish();
}

std::string scratch_file() {
  return (std::filesystem::temp_directory_path() /
          ("pymemlab-trace-bench-" + std::to_string(::getpid())))
      .string();
}

void count_events(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(operations().size()));
}

// The argument says whether there are addresses.
void BM_Encode(benchmark::State& state) {
  (void)operations();
  for (auto _ : state) write("/dev/null", {.addresses = state.range(0) != 0});
  count_events(state);
}
BENCHMARK(BM_Encode)->ArgName("addresses")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

// To arrays of events. The second argument says whether the columns are compressed; the file is in
// memory (the page cache) either way.
void BM_Decode(benchmark::State& state) {
  const bool addresses = state.range(0) != 0;
  const std::string path = scratch_file();
  TraceWriterOptions options{.addresses = addresses};
  if (state.range(1) == 0) options.compression_level = 0;
  write(path, options);
  state.counters["bytes_per_event"] = static_cast<double>(std::filesystem::file_size(path)) /
                                      static_cast<double>(operations().size());
  EventBatch batch;
  for (auto _ : state) {
    TraceReader reader = TraceReader::open(path, {.addresses = addresses});
    while (reader.next(batch)) benchmark::DoNotOptimize(batch.events.data());
  }
  count_events(state);
  std::filesystem::remove(path);
}
BENCHMARK(BM_Decode)
    ->ArgNames({"addresses", "compressed"})
    ->ArgsProduct({{0, 1}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

// What `info` does. The argument says whether the reader decodes ahead.
void BM_Summarize(benchmark::State& state) {
  const std::string path = scratch_file();
  write(path, {.addresses = true});
  for (auto _ : state) {
    TraceReader reader = TraceReader::open(path, {.ahead = state.range(0) != 0});
    benchmark::DoNotOptimize(summarize(reader).events);
  }
  count_events(state);
  std::filesystem::remove(path);
}
BENCHMARK(BM_Summarize)
    ->ArgName("ahead")
    ->Arg(0)
    ->Arg(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pymemlab

BENCHMARK_MAIN();
