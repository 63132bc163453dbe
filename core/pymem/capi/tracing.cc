// tracemalloc, and the modelled call stack that its tracebacks are taken from.
#include <algorithm>
#include <exception>

#include "core/pymem/capi/interpreter.h"

using namespace pymemlab;
using capi::interpreter;

namespace {

// The frame entered last, linked to its callers by `back`. The program owns them all.
constinit thread_local PyMemLab_Frame* t_top = nullptr;

void collect_frames(void*, std::size_t limit, Traceback& frames) {
  for (const PyMemLab_Frame* frame = t_top; frame != nullptr && limit > 0; frame = frame->back) {
    frames.push_back({frame->filename, static_cast<std::uint32_t>(frame->lineno)});
    --limit;
  }
}

}  // namespace

FrameSource capi::entered_frames() noexcept { return {.collect = collect_frames}; }

int PyTraceMalloc_Track(unsigned int domain, uintptr_t ptr, size_t size) {
  return static_cast<int>(interpreter().tracemalloc().track(domain, ptr, size));
}

int PyTraceMalloc_Untrack(unsigned int domain, uintptr_t ptr) {
  return static_cast<int>(interpreter().tracemalloc().untrack(domain, ptr));
}

int PyMemLab_TraceMallocStart(int frames) {
  try {
    interpreter().tracemalloc().start(frames);
    return 0;
  } catch (const std::exception& error) {
    capi::set_last_error(error.what());
    return -1;
  }
}

void PyMemLab_TraceMallocStop() { interpreter().tracemalloc().stop(); }

void PyMemLab_GetTracedMemory(size_t* current, size_t* peak) {
  const TracedMemory traced = interpreter().tracemalloc().traced_memory();
  if (current != nullptr) *current = traced.current_bytes;
  if (peak != nullptr) *peak = traced.peak_bytes;
}

void PyMemLab_EnterFrame(PyMemLab_Frame* frame) {
  frame->back = t_top;
  t_top = frame;
}

void PyMemLab_LeaveFrame() {
  if (t_top != nullptr) t_top = t_top->back;
}

size_t PyMemLab_GetTraceback(unsigned int domain, uintptr_t ptr, PyMemLab_Frame* frames,
                             size_t capacity) {
  const Traceback traceback = interpreter().tracemalloc().traceback(domain, ptr);
  const size_t written = std::min(capacity, traceback.size());
  for (size_t i = 0; i < written; ++i) {
    // Names are interned whole strings, so they end in a NUL.
    frames[i] = {.filename = traceback[i].file.data(),
                 .lineno = static_cast<int>(traceback[i].line),
                 .back = i + 1 < written ? &frames[i + 1] : nullptr};
  }
  return traceback.size();
}
