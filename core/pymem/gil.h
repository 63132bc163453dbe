// A modelled GIL: a lock that knows which thread holds it, so that the debug hooks of mem and obj
// can ask whether their caller may be there.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/pymem/debug_hooks.h"
#include "core/pymem/profile.h"

namespace pymemlab {

// Threads: every function, by any thread.
class Gil {
 public:
  // Waits until no thread holds it. REQUIRES: this thread does not. CPython: PyEval_RestoreThread.
  void acquire() noexcept;
  // REQUIRES: this thread holds it. CPython: PyEval_SaveThread.
  void release() noexcept;
  [[nodiscard]] bool is_held_by_this_thread() const noexcept {
    return holder_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }

  // From now on the versions that ask for the "GIL state" take every thread for a holder: CPython
  // gives that check up for good once a sub-interpreter was created.
  void sub_interpreter_created() noexcept { had_sub_interpreter_ = true; }

  // What the hooks of that profile ask. REQUIRES: the Gil outlives whoever asks.
  [[nodiscard]] GilCheck check(const Profile& profile) noexcept;

 private:
  std::mutex mutex_;
  std::condition_variable released_;
  std::atomic<std::thread::id> holder_;  // no thread: free. Written under mutex_
  std::atomic<bool> had_sub_interpreter_ = false;
};

// Holds the GIL while it lives, whoever held it before: a thread that has it already keeps it.
// CPython: PyGILState_Ensure and PyGILState_Release. Without a Gil it does nothing.
class GilHolder {
 public:
  explicit GilHolder(Gil* gil) noexcept
      : taken_(gil != nullptr && !gil->is_held_by_this_thread() ? gil : nullptr) {
    if (taken_ != nullptr) taken_->acquire();
  }
  GilHolder(const GilHolder&) = delete;
  GilHolder& operator=(const GilHolder&) = delete;
  ~GilHolder() {
    if (taken_ != nullptr) taken_->release();
  }

 private:
  Gil* taken_;
};

}  // namespace pymemlab
