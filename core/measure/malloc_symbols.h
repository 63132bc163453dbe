// The functions by which the mallocs that can stand in glibc's place are known: each is exported by
// one of them alone.
#pragma once

#include <dlfcn.h>

namespace pymemlab {

inline constexpr const char* kJemallocsOwn = "mallctl";
inline constexpr const char* kMimallocsOwn = "mi_version";
inline constexpr const char* kTcmallocsOwn = "tc_version";
inline constexpr const char* kScudosOwn = "__scudo_print_stats";

// In the running process; null if nothing there exports it.
template <typename Function>
[[nodiscard]] Function* symbol(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

}  // namespace pymemlab
