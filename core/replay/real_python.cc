#include "core/replay/real_python.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "core/base/input_error.h"
#include "core/pymem/system_allocators.h"
#include "core/replay/statistics_text.h"

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

// A FILE that keeps what is printed to it in memory of its own and, once it is open, allocates
// nothing: the malloc in this process is being measured.
class StatisticsStream {
 public:
  StatisticsStream() : file_(fopencookie(this, "w", {nullptr, append, nullptr, nullptr})) {
    if (file_ == nullptr) throw InputError("cannot make a stream in memory");
    std::setvbuf(file_, buffer_.data(), _IOFBF, buffer_.size());
  }
  [[nodiscard]] FILE* file() const noexcept { return file_; }
  void rewind() noexcept { length_ = 0; }
  [[nodiscard]] std::string_view text() noexcept {
    std::fflush(file_);
    return {text_.data(), length_};
  }

 private:
  static ssize_t append(void* self, const char* bytes, std::size_t count) {
    auto* stream = static_cast<StatisticsStream*>(self);
    const std::size_t fits = std::min(count, stream->text_.size() - stream->length_);
    std::copy_n(bytes, fits, stream->text_.data() + stream->length_);
    stream->length_ += fits;
    return static_cast<ssize_t>(count);
  }

  std::array<char, 4096> buffer_{};
  std::array<char, 1 << 14> text_{};
  std::size_t length_ = 0;
  FILE* file_;
};

}  // namespace

template <typename Function>
Function* RealPython::function(const char* name) const {
  void* found = dlsym(library_, name);
  if (found == nullptr) throw InputError("CPython {}: has no function {}", version_, name);
  return reinterpret_cast<Function*>(found);
}

RealPython RealPython::load(const std::string& library, Base mem_and_obj) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) throw InputError("{}: cannot be loaded: {}", library, dlerror());
  return adopt(handle, library, mem_and_obj);
}

RealPython RealPython::in_this_process(const std::string& program, Base mem_and_obj) {
  return adopt(dlopen(nullptr, RTLD_NOW), program, mem_and_obj);
}

RealPython RealPython::adopt(void* library, const std::string& path, Base mem_and_obj) {
  RealPython python(library);
  python.version_ = path;
  const std::string text = python.function<const char*()>("Py_GetVersion")();
  python.version_ = text.substr(0, text.find(' '));
  python.read_records();
  python.expect_pristine();
  if (mem_and_obj == Base::mimalloc) {
    python.start_interpreter(path, "mimalloc");
    python.read_records();
    return python;
  }
  // CPython: PyInterpreterConfig and with it allocators of the interpreter's own came in 3.12.
  const bool needs_interpreter = dlsym(library, "Py_NewInterpreterFromConfig") != nullptr;
  if (needs_interpreter) {
    python.start_interpreter(path, "malloc");
    for (const Domain domain : {Domain::mem, Domain::obj})
      python.set_record(domain, python.record(domain));
  }
  return python;
}

AllocatorRecord RealPython::current_record(Domain domain) const {
  AllocatorRecord record;
  function<void(int, AllocatorRecord*)>("PyMem_GetAllocator")(static_cast<int>(index(domain)),
                                                              &record);
  return record;
}

void RealPython::set_record(Domain domain, AllocatorRecord record) const {
  function<void(int, AllocatorRecord*)>("PyMem_SetAllocator")(static_cast<int>(index(domain)),
                                                              &record);
}

void RealPython::read_records() {
  for (const Domain domain : {Domain::raw, Domain::mem, Domain::obj})
    records_[index(domain)] = current_record(domain);
  records_[index(Domain::libc)] = libc_allocator();
}

void RealPython::expect_pristine() const {
  const bool hooked = records_[index(Domain::raw)].context != nullptr;
  const bool same = records_[index(Domain::raw)].malloc == records_[index(Domain::obj)].malloc;
  if (hooked || same) {
    throw InputError("CPython {}: does not use pymalloc by default, or has debug hooks in front",
                     version_);
  }
}

void RealPython::start_interpreter(const std::string& path, const char* pythonmalloc) const {
  ::setenv("PYTHONMALLOC", pythonmalloc, 1);
  ::setenv("PYTHONNOUSERSITE", "1", 1);
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  ::setenv("PYTHONHOME", folder.parent_path().c_str(), 1);
  function<void(int)>("Py_InitializeEx")(0);
}

void RealPython::configure(const Configuration& configuration) {
  if (configuration.mem_and_obj == Base::libc) {
    for (const Domain domain : {Domain::mem, Domain::obj})
      set_record(domain, current_record(Domain::raw));
  }
  if (configuration.debug) function<void()>("PyMem_SetupDebugHooks")();
  read_records();
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

void RealPython::set_raw(const AllocatorRecord& record) const { set_record(Domain::raw, record); }

std::size_t RealPython::alignment() const {
  constexpr std::string_view kBefore = "512, in ";
  constexpr std::size_t kSmallLimit = 512;
  const std::string text(statistics_text());
  const std::size_t at = text.find(kBefore);
  const std::size_t classes =
      at == std::string::npos ? 0 : std::strtoul(text.c_str() + at + kBefore.size(), nullptr, 10);
  if (classes == 0) throw InputError("CPython {}: does not say how many size classes", version_);
  return kSmallLimit / classes;
}

std::string_view RealPython::statistics_text() const {
  static StatisticsStream stream;
  stream.rewind();
  function<int(FILE*)>("_PyObject_DebugMallocStats")(stream.file());
  return stream.text();
}

HeapStatistics RealPython::statistics(const Geometry& geometry) const {
  return read_statistics(statistics_text(), geometry);
}

}  // namespace pymemlab
