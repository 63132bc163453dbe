// A forked child starts from its parent's state, which only the parent's whole history can rebuild:
// so the child's trace begins with the events of the parent's up to the fork.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "core/record/assembler.h"
#include "core/record/pauses.h"

namespace pymemlab {

// A fork that a trace holds, up to which its file can be read.
struct RecordedFork {
  std::string trace;  // path
  Assembler::ForkPoint point;
  Pauses pauses = {};  // of the parent, up to here
};

// The forks of all processes of a tree. Threads: any may call anything.
class RecordedForks {
 public:
  void add(std::uint32_t serial, std::uint32_t number, RecordedFork fork);
  // No more forks of this process will be added.
  void end(std::uint32_t serial);
  // Waits for the parent's stream to get there. Nothing if it ended before.
  [[nodiscard]] std::optional<RecordedFork> wait_for(std::uint32_t serial, std::uint32_t number);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, RecordedFork> forks_;
  std::set<std::uint32_t> ended_;
};

// Copies the events before the fork into `writer` and lets `assembler` go on from there. Throws
// InputError when they cannot be read or written.
void inherit(const RecordedFork& fork, TraceOutput& writer, Assembler& assembler);

}  // namespace pymemlab
