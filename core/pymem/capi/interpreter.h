// The process's one simulated interpreter, which everything in this folder works on. Nowhere else
// is anything process-wide.
#pragma once

#include <atomic>
#include <string_view>

#include "core/pymem/capi/pymem.h"
#include "core/pymem/configuration.h"
#include "core/pymem/gil.h"
#include "core/pymem/memory.h"
#include "core/pymem/profile.h"
#include "core/pymem/tracemalloc.h"

namespace pymemlab::capi {

// The thread that makes it holds its GIL.
class Interpreter {
 public:
  struct Settings {
    const Profile& profile;
    const Configuration& configuration;
    bool malloc_stats = false;  // PYTHONMALLOCSTATS
  };
  explicit Interpreter(const Settings& settings);
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;
  // With malloc_stats: writes the last report to stderr, if pymalloc is in use.
  ~Interpreter();

  [[nodiscard]] Gil& gil() noexcept { return gil_; }
  [[nodiscard]] Memory& memory() noexcept { return memory_; }
  [[nodiscard]] Tracemalloc& tracemalloc() noexcept { return tracemalloc_; }

 private:
  Gil gil_;
  Memory memory_;
  Tracemalloc tracemalloc_;  // after memory_, whose records it gives back
};

// nullptr: there is none yet, or no more. Written under a lock in interpreter.cc.
extern constinit std::atomic<Interpreter*> g_interpreter;

// The interpreter, made with the defaults if there is none: ends the process, as CPython does,
// where PYTHONMALLOC is not to be had. Threads: any.
[[nodiscard]] Interpreter& initialized_on_first_use() noexcept;
[[nodiscard]] inline Interpreter& interpreter() noexcept {
  Interpreter* existing = g_interpreter.load(std::memory_order_acquire);
  return existing != nullptr ? *existing : initialized_on_first_use();
}

// The calling thread's PyMemLab_LastError().
void set_last_error(std::string_view sentence) noexcept;

// The calling thread's modelled frames, for tracemalloc.
[[nodiscard]] FrameSource entered_frames() noexcept;

}  // namespace pymemlab::capi
