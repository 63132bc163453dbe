// The smallest trace that can be found that a command still fails on: delta debugging. The whole
// trace is in memory while it is sought.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/trace/format.h"

namespace pymemlab {

struct MinimizeOptions {
  // Run by /bin/sh, with a candidate's path in the variable PYMEMLAB_TRACE and for every {}, no
  // input, and its output thrown away.
  std::string command;
  std::string candidate;            // path of a file that is rewritten for every run
  std::uint64_t most_runs = 10000;  // of the command
  std::function<void(std::uint64_t events, std::uint64_t runs)> progress = {};  // may be empty
};

struct MinimizeResult {
  std::uint64_t events_before = 0;
  std::uint64_t events_after = 0;
  std::uint64_t runs = 0;
  int status = 0;           // what the command fails with
  bool is_smallest = true;  // the runs did not run out: no single event can be spared
  ConversionReport report;
};

// The command must fail on `from`: end with a status other than 0. A smaller trace counts if it
// ends with the same status there. `to`, unless it is "-", is replaced as a whole each time a
// smaller one is found, so that what was found is there whenever one stops waiting. Throws
// InputError, also for a command that does not fail.
MinimizeResult minimize_trace(const std::string& from, const std::string& to,
                              const MinimizeOptions& options, const TraceWriterOptions& writing);

}  // namespace pymemlab
