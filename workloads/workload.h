// A workload: a name, what it stresses, and a deterministic generator of events.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/trace/trace_writer.h"

namespace pymemlab {

struct WorkloadParameters {
  std::uint64_t events =
      1'000'000;  // about how many; the generator stops at the first whole step after
  std::uint64_t seed = 1;
};

struct Workload {
  std::string_view name;      // "object-churn"
  std::string_view stresses;  // one line for --list and --help
  void (*generate)(const WorkloadParameters& parameters, TraceWriter& trace);
};

// Every workload there is, by name. Adding one is a file and a row.
[[nodiscard]] std::span<const Workload> workloads() noexcept;
// Throws InputError listing the names there are.
[[nodiscard]] const Workload& workload_named(std::string_view name);

}  // namespace pymemlab
