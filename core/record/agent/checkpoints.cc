#include "core/record/agent/checkpoints.h"

#include <stdio.h>

#include <algorithm>
#include <cstring>

#include "core/record/agent/hooks.h"
#include "core/record/agent/ring_writer.h"

namespace pymemlab::agent {
namespace {

PythonApi g_api;
FILE* g_stream;  // writes to g_text; null while no checkpoints are taken
char g_text[ring::kMostStatisticsBytes];
std::size_t g_bytes;
std::uint32_t g_every;
std::uint32_t g_arena_requests;
bool g_watches_end;

// What does not fit is cut off.
ssize_t keep_text(void*, const char* text, std::size_t bytes) noexcept {
  const std::size_t kept = std::min(bytes, sizeof g_text - g_bytes);
  std::memcpy(g_text + g_bytes, text, kept);
  g_bytes += kept;
  return static_cast<ssize_t>(bytes);
}

std::uint64_t allocated_blocks() noexcept {
  if (g_api.allocated_blocks == nullptr) return ring::kUnknownBlocks;
  const std::ptrdiff_t blocks = g_api.allocated_blocks();
  return blocks < 0 ? ring::kUnknownBlocks : static_cast<std::uint64_t>(blocks);
}

// REQUIRES: the GIL is held, or the interpreter is gone.
void take_checkpoint() noexcept {
  AllocatorRecord current = {};
  AllocatorRecord below = below_object_hook();
  g_api.get_allocator(kObj, &current);
  g_api.set_allocator(kObj, &below);
  g_bytes = 0;
  if (g_api.uses_pymalloc == nullptr || g_api.uses_pymalloc() != 0) g_api.statistics(g_stream);
  fflush(g_stream);
  g_api.set_allocator(kObj, &current);
  emit_statistics(g_text, g_bytes, allocated_blocks());
}

// Up to 3.11 the allocator's state is the process's and outlives the interpreter. From 3.12 on it
// is found through the current thread state, which is last seen when the interpreter is cleared.
bool needs_thread_state() noexcept { return g_api.tells_interpreters(); }

int on_audit_event(const char* event, void*, void*) noexcept {
  if (std::strcmp(event, "cpython.PyInterpreterState_Clear") == 0 && may_record() &&
      is_alone(g_api)) {
    take_checkpoint();
  }
  return 0;
}

// What this asks of raw counts as the program's own: it is freed outside of any request.
void watch_end() noexcept {
  g_watches_end = true;
  if (g_api.add_audit_hook == nullptr) return;
  const std::uint64_t depth = t_thread.what & ring::kDepthMask;
  t_thread.what -= depth;
  g_api.add_audit_hook(on_audit_event, nullptr);
  t_thread.what += depth;
}

__attribute__((destructor)) void at_exit() noexcept {
  if (g_stream == nullptr || !may_record() || needs_thread_state()) return;
  if (g_api.is_initialized() == 0) take_checkpoint();
}

}  // namespace

void arm_checkpoints(const PythonApi& api, std::uint32_t every) noexcept {
  if (api.statistics == nullptr || api.is_initialized == nullptr) return;
  g_api = api;
  g_every = every;
  cookie_io_functions_t functions = {};
  functions.write = keep_text;
  g_stream = fopencookie(nullptr, "w", functions);
}

void before_arena_request(bool nested) noexcept {
  if (g_stream == nullptr || !may_record()) return;
  if (needs_thread_state()) {
    if (g_api.current_thread() == nullptr || !is_alone(g_api)) return;
    if (!g_watches_end) watch_end();
  }
  if (!nested || g_every == 0) return;
  if (g_arena_requests++ % g_every == 0) take_checkpoint();
}

}  // namespace pymemlab::agent
