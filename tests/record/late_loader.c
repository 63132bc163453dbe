/* A program that comes to load a CPython only while it runs: late_loader LIBPYTHON CODE ALLOCATORS.

   ALLOCATORS: "its": the interpreter's own; "before": the program's own in all domains, set before
   the interpreter starts; "after": a layer in front of the interpreter's, set once it runs. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  void* ctx;
  void* (*malloc)(void* ctx, size_t size);
  void* (*calloc)(void* ctx, size_t count, size_t size);
  void* (*realloc)(void* ctx, void* block, size_t size);
  void (*free)(void* ctx, void* block);
} Allocator;

typedef void (*Access)(int domain, Allocator* allocator);
enum { kDomains = 3 };

static void* own_malloc(void* ctx, size_t size) { return (void)ctx, malloc(size == 0 ? 1 : size); }
static void* own_calloc(void* ctx, size_t count, size_t size) {
  return (void)ctx, calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
}
static void* own_realloc(void* ctx, void* block, size_t size) {
  return (void)ctx, realloc(block, size == 0 ? 1 : size);
}
static void own_free(void* ctx, void* block) { (void)ctx, free(block); }

static Allocator g_below[kDomains];

static void* layer_malloc(void* ctx, size_t size) {
  const Allocator* below = ctx;
  return below->malloc(below->ctx, size);
}
static void* layer_calloc(void* ctx, size_t count, size_t size) {
  const Allocator* below = ctx;
  return below->calloc(below->ctx, count, size);
}
static void* layer_realloc(void* ctx, void* block, size_t size) {
  const Allocator* below = ctx;
  return below->realloc(below->ctx, block, size);
}
static void layer_free(void* ctx, void* block) {
  const Allocator* below = ctx;
  below->free(below->ctx, block);
}

static void set_own(void* library) {
  const Access set = (Access)dlsym(library, "PyMem_SetAllocator");
  for (int domain = 0; domain < kDomains; ++domain) {
    Allocator own = {NULL, own_malloc, own_calloc, own_realloc, own_free};
    set(domain, &own);
  }
}

static void set_layer(void* library) {
  const Access get = (Access)dlsym(library, "PyMem_GetAllocator");
  const Access set = (Access)dlsym(library, "PyMem_SetAllocator");
  for (int domain = 0; domain < kDomains; ++domain) {
    Allocator layer = {&g_below[domain], layer_malloc, layer_calloc, layer_realloc, layer_free};
    get(domain, &g_below[domain]);
    set(domain, &layer);
  }
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  void (*initialize)(int) = (void (*)(int))dlsym(library, "Py_InitializeEx");
  int (*run)(const char*, void*) =
      (int (*)(const char*, void*))dlsym(library, "PyRun_SimpleStringFlags");
  int (*finalize)(void) = (int (*)(void))dlsym(library, "Py_FinalizeEx");
  if (strcmp(argv[3], "before") == 0) set_own(library);
  initialize(0);
  if (strcmp(argv[3], "after") == 0) set_layer(library);
  const int failed = run(argv[2], NULL);
  return finalize() != 0 || failed != 0;
}
