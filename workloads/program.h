// What a generator plays: a Python program's requests, written to a trace. It knows how much lives,
// so that a generator stops while its teardown still fits the number of events asked for.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "core/base/random.h"
#include "workloads/workload.h"

namespace pymemlab {

class Program {
 public:
  Program(const WorkloadParameters& parameters, TraceWriter& trace) noexcept
      : random_(parameters.seed), events_(parameters.events), trace_(trace) {}

  // Whether another step should be taken: what is written plus one free for each live block is
  // still below the number asked for.
  [[nodiscard]] bool goes_on() const noexcept { return trace_.events() + live_ < events_; }

  Slot malloc(Domain domain, std::uint64_t bytes) {
    ++live_;
    return trace_.malloc(domain, bytes);
  }
  Slot calloc(Domain domain, std::uint64_t count, std::uint64_t bytes) {
    ++live_;
    return trace_.calloc(domain, count, bytes);
  }
  Slot realloc_null(Domain domain, std::uint64_t bytes) {
    ++live_;
    return trace_.append({.kind = EventKind::realloc_null, .domain = domain, .size = bytes});
  }
  void realloc(Domain domain, Slot slot, std::uint64_t bytes) {
    trace_.realloc(domain, slot, bytes);
  }
  void free(Domain domain, Slot slot) {
    --live_;
    trace_.free(domain, slot);
  }

  // Every generator says where its work ends and the freeing of all that is left begins.
  void begin_teardown() { trace_.mark("teardown"); }

  [[nodiscard]] Random& random() noexcept { return random_; }
  // Spread evenly over the powers of two: as many values in [16, 32) as in [1024, 2048).
  // REQUIRES: 1 <= low <= high.
  [[nodiscard]] std::uint64_t log_uniform(std::uint64_t low, std::uint64_t high) noexcept {
    const auto first = static_cast<std::uint64_t>(std::bit_width(low) - 1);
    const auto last = static_cast<std::uint64_t>(std::bit_width(high) - 1);
    const std::uint64_t power = std::uint64_t{1} << random_.between(first, last);
    const std::uint64_t value = random_.between(power, 2 * power - 1);
    return value < low ? low : value > high ? high : value;
  }

 private:
  Random random_;
  std::uint64_t events_;
  std::uint64_t live_ = 0;
  TraceWriter& trace_;
};

}  // namespace pymemlab
