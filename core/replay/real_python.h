// A real CPython's allocators in this process: its libpython, loaded, with a pymalloc that nobody
// has used yet. The replay loop drives its records as it drives the model's.
//
// Up to 3.11 the default records need no interpreter. From 3.12 on pymalloc finds its state through
// the current thread state, so an interpreter is started with PYTHONMALLOC=malloc, which keeps its
// own objects out of pymalloc. Then the default records, read before that, are put back: what the
// interpreter still frees is foreign to pymalloc and goes on to libc.
#pragma once

#include <string>

#include "core/base/domain.h"
#include "core/pymalloc/allocator_record.h"

namespace pymemlab {

class RealPython {
 public:
  // Throws InputError if `library` cannot be loaded, is no CPython, or is one without pymalloc by
  // default (a debug build has hooks in front). It stays loaded until the process ends.
  // REQUIRES: called once in a process, from the thread that will call the records.
  static RealPython load(const std::string& library);

  [[nodiscard]] const std::string& version() const noexcept { return version_; }
  // What stands in the domain by default: libc behind raw, pymalloc behind mem and obj. libc: the C
  // library's own functions.
  [[nodiscard]] AllocatorRecord record(Domain domain) const noexcept {
    return records_[index(domain)];
  }
  // The public functions, PyObject_Malloc and its kin, which guard the size and then call the
  // domain's record.
  [[nodiscard]] AllocatorRecord public_functions(Domain domain) const;
  // CPython: PyObject_SetArenaAllocator. The record's context must stay.
  void set_arenas(const ArenaRecord& record) const;
  // CPython: PyMem_SetAllocator of the raw domain, which pymalloc calls. The same.
  void set_raw(const AllocatorRecord& record) const;
  // Bytes between the smallest size classes, read from the statistics text.
  [[nodiscard]] std::size_t alignment() const;
  // pymalloc's statistics as CPython prints them.
  [[nodiscard]] std::string statistics_text() const;

 private:
  explicit RealPython(void* library) noexcept : library_(library) {}
  template <typename Function>
  [[nodiscard]] Function* function(const char* name) const;
  void read_records();
  void start_interpreter(const std::string& library) const;

  void* library_;
  std::string version_;
  AllocatorRecord records_[kDomains];
};

}  // namespace pymemlab
