#include "core/replay/real_python.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "core/base/input_error.h"
#include "core/pymem/system_allocators.h"

namespace pymemlab {
namespace {

// The public functions of one domain as a record; REQUIRES: one RealPython a process.
struct PublicFunctions {
  void* (*malloc)(std::size_t size);
  void* (*calloc)(std::size_t count, std::size_t size);
  void* (*realloc)(void* block, std::size_t size);
  void (*free)(void* block);
};
PublicFunctions g_public[kDomains];

const PublicFunctions& functions(const void* context) noexcept {
  return *static_cast<const PublicFunctions*>(context);
}

constexpr const char* kPrefixes[] = {"PyMem_Raw", "PyMem_", "PyObject_"};

}  // namespace

template <typename Function>
Function* RealPython::function(const char* name) const {
  void* found = dlsym(library_, name);
  if (found == nullptr) throw InputError("CPython {}: has no function {}", version_, name);
  return reinterpret_cast<Function*>(found);
}

RealPython RealPython::load(const std::string& library) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) throw InputError("{}: cannot be loaded: {}", library, dlerror());
  RealPython python(handle);
  python.version_ = library;
  const std::string text = python.function<const char*()>("Py_GetVersion")();
  python.version_ = text.substr(0, text.find(' '));
  python.read_records();
  // CPython: PyInterpreterConfig and with it allocators of the interpreter's own came in 3.12.
  const bool needs_interpreter = dlsym(handle, "Py_NewInterpreterFromConfig") != nullptr;
  if (needs_interpreter) python.start_interpreter(library);
  return python;
}

void RealPython::read_records() {
  const auto get = function<void(int, AllocatorRecord*)>("PyMem_GetAllocator");
  for (const Domain domain : {Domain::raw, Domain::mem, Domain::obj})
    get(static_cast<int>(index(domain)), &records_[index(domain)]);
  records_[index(Domain::libc)] = libc_allocator();
  const bool hooked = records_[index(Domain::raw)].context != nullptr;
  const bool same = records_[index(Domain::raw)].malloc == records_[index(Domain::obj)].malloc;
  if (hooked || same) {
    throw InputError("CPython {}: does not use pymalloc by default, or has debug hooks in front",
                     version_);
  }
}

void RealPython::start_interpreter(const std::string& library) const {
  ::setenv("PYTHONMALLOC", "malloc", 1);
  ::setenv("PYTHONNOUSERSITE", "1", 1);
  const std::filesystem::path folder = std::filesystem::path(library).parent_path();
  ::setenv("PYTHONHOME", folder.parent_path().c_str(), 1);
  function<void(int)>("Py_InitializeEx")(0);
  const auto set = function<void(int, AllocatorRecord*)>("PyMem_SetAllocator");
  for (const Domain domain : {Domain::mem, Domain::obj}) {
    AllocatorRecord record = records_[index(domain)];
    set(static_cast<int>(index(domain)), &record);
  }
}

AllocatorRecord RealPython::public_functions(Domain domain) const {
  PublicFunctions& table = g_public[index(domain)];
  const std::string prefix = kPrefixes[index(domain)];
  table = {.malloc = function<void*(std::size_t)>((prefix + "Malloc").c_str()),
           .calloc = function<void*(std::size_t, std::size_t)>((prefix + "Calloc").c_str()),
           .realloc = function<void*(void*, std::size_t)>((prefix + "Realloc").c_str()),
           .free = function<void(void*)>((prefix + "Free").c_str())};
  return {.context = &table,
          .malloc = [](void* context, std::size_t size) { return functions(context).malloc(size); },
          .calloc = [](void* context, std::size_t count,
                       std::size_t size) { return functions(context).calloc(count, size); },
          .realloc = [](void* context, void* block,
                        std::size_t size) { return functions(context).realloc(block, size); },
          .free = [](void* context, void* block) { functions(context).free(block); }};
}

void RealPython::set_arenas(const ArenaRecord& record) const {
  ArenaRecord copy = record;
  function<void(ArenaRecord*)>("PyObject_SetArenaAllocator")(&copy);
}

void RealPython::set_raw(const AllocatorRecord& record) const {
  AllocatorRecord copy = record;
  function<void(int, AllocatorRecord*)>("PyMem_SetAllocator")(static_cast<int>(Domain::raw), &copy);
}

std::size_t RealPython::alignment() const {
  constexpr std::string_view kBefore = "512, in ";
  constexpr std::size_t kSmallLimit = 512;
  const std::string text = statistics_text();
  const std::size_t at = text.find(kBefore);
  const std::size_t classes =
      at == std::string::npos ? 0 : std::strtoul(text.c_str() + at + kBefore.size(), nullptr, 10);
  if (classes == 0) throw InputError("CPython {}: does not say how many size classes", version_);
  return kSmallLimit / classes;
}

std::string RealPython::statistics_text() const {
  char* text = nullptr;
  std::size_t bytes = 0;
  FILE* stream = open_memstream(&text, &bytes);
  if (stream == nullptr) return {};
  function<int(FILE*)>("_PyObject_DebugMallocStats")(stream);
  std::fclose(stream);
  std::string result(text, bytes);
  std::free(text);
  return result;
}

}  // namespace pymemlab
