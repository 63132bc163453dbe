// "Has this been freed?", as CPython guesses before it prints an object: by what the debug hooks
// paint where pointers used to be. Only as good as that: without hooks it mostly answers no.
#pragma once

#include "core/pymem/profile.h"

namespace pymemlab {

// Whether `pointer`, as read from memory, is what painted (from 3.8: or cleared) memory reads as.
// Never reads what it points to. CPython: _PyMem_IsPtrFreed, and _PyMem_IsFreed of a pointer.
[[nodiscard]] bool pointer_looks_freed(const Profile& profile, const void* pointer) noexcept;

// The object at `object`, by its type pointer behind the reference count; where the profile does
// so, by its own address first. REQUIRES: 16 readable bytes, unless its address looks freed
// from 3.7.4 on. CPython: _PyObject_IsFreed.
[[nodiscard]] bool object_looks_freed(const Profile& profile, const void* object) noexcept;

}  // namespace pymemlab
