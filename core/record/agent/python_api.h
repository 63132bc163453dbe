// The few functions of CPython that the agent calls, found at run time: in the executable, in a
// libpython it is linked with, or in one that it has loaded since. Nothing of Python is included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace pymemlab::agent {

// CPython: PyMemAllocatorEx.
struct AllocatorRecord {
  void* ctx;
  void* (*malloc)(void* ctx, std::size_t size);
  void* (*calloc)(void* ctx, std::size_t count, std::size_t size);
  void* (*realloc)(void* ctx, void* block, std::size_t size);
  void (*free)(void* ctx, void* block);
};

// CPython: PyObjectArenaAllocator.
struct ArenaRecord {
  void* ctx;
  void* (*alloc)(void* ctx, std::size_t size);
  void (*free)(void* ctx, void* arena, std::size_t size);
};

// The values are CPython's PyMemAllocatorDomain.
enum Domain : int { kRaw = 0, kMem = 1, kObj = 2 };
inline constexpr int kDomains = 3;

// Null where this interpreter does not have the function.
struct PythonApi {
  void (*get_allocator)(int domain, AllocatorRecord* record);
  void (*set_allocator)(int domain, AllocatorRecord* record);
  void (*get_arena_allocator)(ArenaRecord* record);
  void (*set_arena_allocator)(ArenaRecord* record);
  const char* (*version)();
  void* (*current_thread)();  // the thread state, or null
  void* (*own_thread)();      // the thread state that this thread had last, or null
  int (*line_of)(void* code, int instruction);
  void* (*interpreter_of)(void* thread);
  void* (*newest_interpreter)();  // 3.12+: the main one if it is the only one
  std::int64_t (*interpreter_id)(void* interpreter);
  int (*has_feature)(void* interpreter, unsigned long feature);  // 3.12
  void* interpreter_config;  // 3.13+: _PyInterpreterConfig_InitFromState
  void* debug_counter;       // present in debug builds only
  int (*is_initialized)();
  int (*statistics)(FILE* stream);       // pymalloc's; 3.12+: of the current thread's interpreter
  int (*uses_pymalloc)();                // 3.6, whose statistics() does not ask by itself
  std::ptrdiff_t (*allocated_blocks)();  // up to 3.11
  int (*add_audit_hook)(int (*hook)(const char* event, void* arguments, void* data), void* data);

  // Whether events can and must carry the identity of the interpreter: from 3.12 on each may have
  // an allocator of its own.
  [[nodiscard]] bool tells_interpreters() const noexcept {
    return (has_feature != nullptr || interpreter_config != nullptr) && current_thread != nullptr &&
           interpreter_of != nullptr && newest_interpreter != nullptr && interpreter_id != nullptr;
  }
};

// Whether this process has a CPython that can be hooked: linked with it, or (the slower search)
// loaded since. Neither leaves a trace in dlerror().
[[nodiscard]] bool find_linked_python(PythonApi& api) noexcept;
[[nodiscard]] bool find_loaded_python(PythonApi& api) noexcept;

// The number under which events of `interpreter` belong: its identity, or the main interpreter's 0
// if it shares that one's allocator. REQUIRES: api.tells_interpreters().
[[nodiscard]] std::uint32_t allocator_identity(const PythonApi& api, void* interpreter) noexcept;

}  // namespace pymemlab::agent
