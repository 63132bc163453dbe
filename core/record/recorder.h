// Records one command: starts it with the agent inside, drains the rings of its processes until
// they have ended, and writes the trace, or a folder with one of each process. Or puts the agent
// into a process that runs already. docs/recording.md says how the parts work together.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/os/program.h"
#include "core/record/schedule.h"
#include "core/trace/trace_writer.h"

namespace pymemlab {

struct RecordRequest {
  std::vector<std::string> command;  // REQUIRES: not empty
  std::string output;                // a file; a folder if all processes are recorded
  bool all_processes = false;        // each in a trace of its own; otherwise the first
  TraceWriterOptions writer = {.addresses = true};
  ScheduleRequest schedule = {};
  // Of the trace: the newest events that fit are kept. 0: no limit. REQUIRES: 0 if all_processes,
  // whose traces begin with their parents'.
  std::uint64_t max_bytes = 0;
  bool checkpoints = false;            // the interpreter's own statistics at its end
  std::uint32_t checkpoint_every = 0;  // and at every Nth arena request; 0: at none
  std::uint32_t site_depth = 0;        // lines of Python that each block is recorded with
  bool output_to_stderr = false;       // what the program writes to standard output
  bool runs_already = false;           // the command, as a process: attach() sets it
};

// Where the trace of a forked process goes on from.
struct ForkedFrom {
  std::string trace;         // path of the parent's
  std::uint64_t events = 0;  // the first ones of both traces, which are the same
};

// One recorded run of one program in one process.
struct RecordedProcess {
  std::string trace;  // path
  int pid = 0;
  int parent = 0;
  std::optional<ForkedFrom> forked_from = {};
  std::vector<std::string> command;      // its arguments
  std::string python;                    // its version
  std::uint64_t events = 0;              // 0 if not all could be written
  std::uint64_t bytes = 0;               // of the trace file
  std::uint64_t unknown_blocks = 0;      // freed or resized, but not seen to be allocated
  std::uint64_t missed_frees = 0;        // whose address was handed out again
  std::uint64_t sites = 0;               // that were recorded
  bool replaced = false;                 // by another program, with exec
  std::optional<ExitStatus> exit;        // if the kernel told
  std::optional<std::string> loss = {};  // one sentence, if recording ended before the process did
};

struct RecordResult {
  ExitStatus program;
  bool hooked = false;                     // a CPython was found; if not, there is no trace
  std::vector<RecordedProcess> processes;  // in the order in which they began to be recorded
  std::uint64_t not_recorded = 0;          // processes for which there was no ring in time
  std::optional<std::string> loss;         // the first process's that has one
  std::optional<std::string> tree_loss;    // why there is no summary of the tree
};

// Throws InputError, before anything is started, when the trace cannot be written, the agent is
// missing or the command cannot be run. Afterwards it always returns, with the program's end.
[[nodiscard]] RecordResult record(const RecordRequest& request);

// Records process `pid` until it ends, the time asked for has passed, or this process is told to
// end; it runs on. `request.command` is its command. REQUIRES: not all_processes, no checkpoints.
// Throws InputError, the process as it was, when the trace cannot be written or the agent cannot be
// put into it, which takes a thread of it that runs Python within `patience`.
[[nodiscard]] RecordResult attach(RecordRequest request, int pid, std::chrono::seconds patience);

}  // namespace pymemlab
