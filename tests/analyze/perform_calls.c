// Makes calls of Python's allocator API and of libc one right after the other, with nothing of the
// interpreter's between them. Loaded into an interpreter by perform_calls.py.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <unistd.h>

// Numbers of pymemlab::EventKind and pymemlab::Domain.
enum { kMalloc = 0, kCalloc = 1, kRealloc = 2, kFree = 3, kReallocNull = 4, kFreeUnknown = 6 };
enum { kDomains = 4 };

// The block is blocks[slot], for kFreeUnknown `offset` bytes into it. slot -1: no block, and
// `offset` is the address.
struct Call {
  long long kind;
  long long domain;
  long long slot;
  long long offset;
  unsigned long long count;
  unsigned long long size;
};

struct Api {
  void* (*malloc)(size_t);
  void* (*calloc)(size_t, size_t);
  void* (*realloc)(void*, size_t);
  void (*free)(void*);
};

static const char* const kNames[kDomains][4] = {
    {"PyMem_RawMalloc", "PyMem_RawCalloc", "PyMem_RawRealloc", "PyMem_RawFree"},
    {"PyMem_Malloc", "PyMem_Calloc", "PyMem_Realloc", "PyMem_Free"},
    {"PyObject_Malloc", "PyObject_Calloc", "PyObject_Realloc", "PyObject_Free"},
    {"malloc", "calloc", "realloc", "free"}};

static void look_up(struct Api* apis) {
  for (int domain = 0; domain < kDomains; ++domain) {
    void** functions = (void**)&apis[domain];
    for (int i = 0; i < 4; ++i) functions[i] = dlsym(RTLD_DEFAULT, kNames[domain][i]);
  }
}

// Ends the process with status 0 if it lives through the calls. A block whose realloc answers NULL
// keeps its address. REQUIRES: every slot is below 64.
__attribute__((visibility("default"))) void perform(const struct Call* calls, size_t count) {
  static void* blocks[64];
  struct Api apis[kDomains];
  look_up(apis);
  for (size_t i = 0; i < count; ++i) {
    const struct Call call = calls[i];
    const struct Api* api = &apis[call.domain];
    void** block = &blocks[call.slot < 0 ? 0 : call.slot];
    switch (call.kind) {
      case kMalloc: *block = api->malloc(call.size); break;
      case kCalloc: *block = api->calloc(call.count, call.size); break;
      case kReallocNull: *block = api->realloc(NULL, call.size); break;
      case kRealloc: {
        void* moved = api->realloc(*block, call.size);
        if (moved != NULL) *block = moved;
        break;
      }
      case kFree: api->free(call.slot < 0 ? NULL : *block); break;
      case kFreeUnknown: api->free((call.slot < 0 ? NULL : (char*)*block) + call.offset); break;
      default: _exit(2);
    }
  }
  _exit(0);
}
