// Records one command: starts it with the agent inside, drains the ring until it has ended, and
// writes the trace. docs/recording.md says how the parts work together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/os/program.h"
#include "core/trace/trace_writer.h"

namespace pymemlab {

struct RecordRequest {
  std::vector<std::string> command;  // REQUIRES: not empty
  std::string output;                // a file
  TraceWriterOptions writer = {.addresses = true};
  bool checkpoints = false;            // the interpreter's own statistics at its end
  std::uint32_t checkpoint_every = 0;  // and at every Nth arena request; 0: at none
  bool output_to_stderr = false;       // what the program writes to standard output
};

struct RecordResult {
  ExitStatus program;
  bool hooked = false;               // a CPython was found; if not, there is no trace
  std::string python;                // its version
  std::uint64_t events = 0;          // 0 if not all could be written
  std::uint64_t bytes = 0;           // of the trace file
  std::uint64_t unknown_blocks = 0;  // freed or resized, but not seen to be allocated
  std::uint64_t missed_frees = 0;    // whose address was handed out again
  std::optional<std::string> loss;   // one sentence, if recording ended before the program did
};

// Throws InputError, before anything is started, when the trace cannot be written, the agent is
// missing or the command cannot be run. Afterwards it always returns, with the program's end.
[[nodiscard]] RecordResult record(const RecordRequest& request);

}  // namespace pymemlab
