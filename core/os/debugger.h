// Another process, entered with gdb: loads a shared object there and calls a function of it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace pymemlab {

struct DebuggerCall {
  int process = 0;
  std::string library;   // a path in that process
  std::string function;  // int (const char*), by its symbol in the library
  std::string argument;
  // Functions, all of which it must have, at whose entry a thread may load libraries.
  std::vector<std::string> safe_at;
  std::chrono::seconds patience{};  // for a thread to come there
};

// What the function returned. The process is stopped for the while, and runs on afterwards, with
// the library in it. Throws InputError, the process as it was, when there is no gdb, the kernel
// does not allow it, no thread came by in time, or the library could not be loaded. Threads: one at
// a time.
[[nodiscard]] int call_with_debugger(const DebuggerCall& call);

}  // namespace pymemlab
