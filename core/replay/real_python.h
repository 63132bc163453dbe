// A real CPython's allocators in this process, with a pymalloc that nobody has used yet: a
// libpython that is loaded, or the interpreter that this process is. The replay loop drives its
// records as it drives the model's.
//
// Up to 3.11 the default records need no interpreter. From 3.12 on pymalloc finds its state through
// the current thread state, so an interpreter is started with PYTHONMALLOC=malloc, which keeps its
// own objects out of pymalloc. Then the default records, read before that, are put back: what the
// interpreter still frees is foreign to pymalloc and goes on to libc.
//
// mimalloc's records come only from an interpreter that was started with them, so its own objects
// lie in the same heap.
#pragma once

#include <string>
#include <string_view>

#include "core/base/domain.h"
#include "core/pymalloc/allocator_record.h"
#include "core/pymalloc/small_heap.h"
#include "core/pymem/configuration.h"

namespace pymemlab {

class RealPython {
 public:
  // Throws InputError if `library` cannot be loaded, is no CPython, or is one without pymalloc by
  // default (a debug build has hooks in front). It stays loaded until the process ends.
  // Base::mimalloc: with CPython's own mimalloc behind mem and obj.
  // REQUIRES: one RealPython is made in a process, by the thread that will call the records.
  static RealPython load(const std::string& library, Base mem_and_obj = Base::pymalloc);
  // Of the interpreter `program` that this process is, before it has begun to run.
  static RealPython in_this_process(const std::string& program, Base mem_and_obj = Base::pymalloc);

  [[nodiscard]] const std::string& version() const noexcept { return version_; }
  // What stands in the domain: by default libc behind raw, pymalloc behind mem and obj. libc: the C
  // library's own functions.
  [[nodiscard]] AllocatorRecord record(Domain domain) const noexcept {
    return records_[index(domain)];
  }
  // Puts the configuration's records into the domains, over what set_raw() put below them.
  // REQUIRES: made with the configuration's mimalloc, if it has one; called at most once.
  void configure(const Configuration& configuration);
  // The public functions, PyObject_Malloc and its kin, which guard the size and then call the
  // domain's record.
  [[nodiscard]] AllocatorRecord public_functions(Domain domain) const;
  // CPython: PyObject_SetArenaAllocator. The record's context must stay.
  void set_arenas(const ArenaRecord& record) const;
  // CPython: PyMem_SetAllocator of the raw domain, which pymalloc calls. The same.
  void set_raw(const AllocatorRecord& record) const;
  // Bytes between the smallest size classes, read from the statistics text.
  [[nodiscard]] std::size_t alignment() const;
  // pymalloc's statistics as CPython prints them. The text lies in a buffer of the process that the
  // next call overwrites: nothing is allocated.
  [[nodiscard]] std::string_view statistics_text() const;
  // That text, read back. `geometry`: of this CPython.
  [[nodiscard]] HeapStatistics statistics(const Geometry& geometry) const;

 private:
  explicit RealPython(void* library) noexcept : library_(library) {}
  static RealPython adopt(void* library, const std::string& path, Base mem_and_obj);
  template <typename Function>
  [[nodiscard]] Function* function(const char* name) const;
  [[nodiscard]] AllocatorRecord current_record(Domain domain) const;
  void set_record(Domain domain, AllocatorRecord record) const;
  void read_records();
  void expect_pristine() const;
  void start_interpreter(const std::string& path, const char* pythonmalloc) const;

  void* library_;
  std::string version_;
  AllocatorRecord records_[kDomains];
};

}  // namespace pymemlab
