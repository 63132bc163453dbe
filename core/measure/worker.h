// The worker's side of a round: a fresh process that replays the windows it is given and reports.
#pragma once

namespace pymemlab {

// The argument by which a program that links us knows that it was started as a worker.
inline constexpr const char* kWorkerArgument = "--pymemlab-worker";

// REQUIRES: the process was started by ChildProcess::start with a WorkerChannel's descriptor. Call
// it first thing in main: what the program allocates before counts as the baseline. Returns the
// process's exit status.
[[nodiscard]] int run_worker() noexcept;

}  // namespace pymemlab
