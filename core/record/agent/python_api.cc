#include "core/record/agent/python_api.h"

#include <dlfcn.h>
#include <link.h>

#include <cstring>

#include "core/record/agent/ring.h"

// Weak: null in a process that has no CPython, and no symbol search that could leave an error
// behind.
#define PYMEMLAB_WEAK(symbol) extern "C" __attribute__((weak, visibility("default"))) char symbol[]
PYMEMLAB_WEAK(PyMem_GetAllocator);
PYMEMLAB_WEAK(PyMem_SetAllocator);
PYMEMLAB_WEAK(PyObject_GetArenaAllocator);
PYMEMLAB_WEAK(PyObject_SetArenaAllocator);
PYMEMLAB_WEAK(Py_GetVersion);
PYMEMLAB_WEAK(_PyThreadState_UncheckedGet);
PYMEMLAB_WEAK(PyThreadState_GetUnchecked);
PYMEMLAB_WEAK(PyGILState_GetThisThreadState);
PYMEMLAB_WEAK(PyCode_Addr2Line);
PYMEMLAB_WEAK(PyThreadState_GetInterpreter);
PYMEMLAB_WEAK(PyInterpreterState_Head);
PYMEMLAB_WEAK(PyInterpreterState_GetID);
PYMEMLAB_WEAK(_PyInterpreterState_HasFeature);
PYMEMLAB_WEAK(_PyInterpreterConfig_InitFromState);
PYMEMLAB_WEAK(_Py_NegativeRefcount);
PYMEMLAB_WEAK(Py_IsInitialized);
PYMEMLAB_WEAK(_PyObject_DebugMallocStats);
PYMEMLAB_WEAK(_PyMem_PymallocEnabled);
PYMEMLAB_WEAK(_Py_GetAllocatedBlocks);
PYMEMLAB_WEAK(PySys_AddAuditHook);
#undef PYMEMLAB_WEAK

namespace pymemlab::agent {
namespace {

template <typename Function>
void assign(Function& function, void* symbol) noexcept {
  if (function == nullptr) function = reinterpret_cast<Function>(symbol);
}

// One row a function: `lookup` gives a symbol's address or null.
template <typename Lookup>
bool fill(PythonApi& api, Lookup lookup) noexcept {
  api = PythonApi{};
  assign(api.get_allocator, lookup("PyMem_GetAllocator", PyMem_GetAllocator));
  assign(api.set_allocator, lookup("PyMem_SetAllocator", PyMem_SetAllocator));
  assign(api.get_arena_allocator, lookup("PyObject_GetArenaAllocator", PyObject_GetArenaAllocator));
  assign(api.set_arena_allocator, lookup("PyObject_SetArenaAllocator", PyObject_SetArenaAllocator));
  assign(api.version, lookup("Py_GetVersion", Py_GetVersion));
  assign(api.current_thread, lookup("PyThreadState_GetUnchecked", PyThreadState_GetUnchecked));
  assign(api.current_thread, lookup("_PyThreadState_UncheckedGet", _PyThreadState_UncheckedGet));
  assign(api.own_thread, lookup("PyGILState_GetThisThreadState", PyGILState_GetThisThreadState));
  assign(api.line_of, lookup("PyCode_Addr2Line", PyCode_Addr2Line));
  assign(api.interpreter_of, lookup("PyThreadState_GetInterpreter", PyThreadState_GetInterpreter));
  assign(api.newest_interpreter, lookup("PyInterpreterState_Head", PyInterpreterState_Head));
  assign(api.interpreter_id, lookup("PyInterpreterState_GetID", PyInterpreterState_GetID));
  assign(api.has_feature, lookup("_PyInterpreterState_HasFeature", _PyInterpreterState_HasFeature));
  assign(api.interpreter_config,
         lookup("_PyInterpreterConfig_InitFromState", _PyInterpreterConfig_InitFromState));
  assign(api.debug_counter, lookup("_Py_NegativeRefcount", _Py_NegativeRefcount));
  assign(api.is_initialized, lookup("Py_IsInitialized", Py_IsInitialized));
  assign(api.statistics, lookup("_PyObject_DebugMallocStats", _PyObject_DebugMallocStats));
  assign(api.uses_pymalloc, lookup("_PyMem_PymallocEnabled", _PyMem_PymallocEnabled));
  assign(api.allocated_blocks, lookup("_Py_GetAllocatedBlocks", _Py_GetAllocatedBlocks));
  assign(api.add_audit_hook, lookup("PySys_AddAuditHook", PySys_AddAuditHook));
  return api.get_allocator != nullptr && api.set_allocator != nullptr &&
         api.get_arena_allocator != nullptr && api.set_arena_allocator != nullptr &&
         api.version != nullptr;
}

// The file name of a loaded libpython, copied out because the loader's list may change.
struct LoadedLibrary {
  char path[1024];
};

int notice_libpython(dl_phdr_info* info, std::size_t, void* found) noexcept {
  const char* slash = info->dlpi_name == nullptr ? nullptr : std::strrchr(info->dlpi_name, '/');
  if (slash == nullptr || std::strncmp(slash, "/libpython3", 11) != 0) return 0;
  auto* library = static_cast<LoadedLibrary*>(found);
  if (std::strlen(info->dlpi_name) >= sizeof library->path) return 0;
  std::strcpy(library->path, info->dlpi_name);
  return 1;
}

// CPython: Py_RTFLAGS_USE_MAIN_OBMALLOC.
constexpr unsigned long kSharesMainAllocator = 1ul << 5;

}  // namespace

bool find_linked_python(PythonApi& api) noexcept {
  return fill(api, [](const char*, void* linked) { return linked; });
}

bool find_loaded_python(PythonApi& api) noexcept {
  LoadedLibrary library = {};
  if (dl_iterate_phdr(notice_libpython, &library) == 0) return false;
  void* handle = dlopen(library.path, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return false;
  const bool complete =
      fill(api, [handle](const char* name, void*) { return dlsym(handle, name); });
  dlclose(handle);
  dlerror();
  return complete;
}

std::uint32_t allocator_identity(const PythonApi& api, void* interpreter) noexcept {
  const std::int64_t id = api.interpreter_id(interpreter);
  if (id <= 0) return 0;
  if (api.has_feature != nullptr) {
    if (api.has_feature(interpreter, kSharesMainAllocator) != 0) return 0;
  } else {
    // CPython: PyInterpreterConfig, seven ints, begins with use_main_obmalloc.
    struct Config {
      int shares_main_allocator;
      int rest[31];
    } config = {};
    reinterpret_cast<int (*)(Config*, void*)>(api.interpreter_config)(&config, interpreter);
    if (config.shares_main_allocator != 0) return 0;
  }
  return id < ring::kMostInterpreters ? static_cast<std::uint32_t>(id) : ring::kMostInterpreters;
}

}  // namespace pymemlab::agent
