#include "core/record/agent/interposed.h"

#include <dlfcn.h>
#include <errno.h>
#include <semaphore.h>

#include "core/record/agent/hooks.h"

extern "C" {

// <cwchar> knows these under C++'s overloads.
wchar_t* interposed_wcschr(const wchar_t* text, wchar_t wanted) __asm__("wcschr");

__attribute__((visibility("default"))) char* setlocale(int category, const char* locale) noexcept {
  static auto* const original =
      reinterpret_cast<char* (*)(int, const char*)>(dlsym(RTLD_NEXT, "setlocale"));
  if (pymemlab::agent::are_hooks_installed()) {
    pymemlab::agent::restore_hooks();
  } else {
    pymemlab::agent::attach_late();
  }
  return original(category, locale);
}

__attribute__((visibility("default"))) int sem_init(sem_t* semaphore, int shared,
                                                    unsigned value) noexcept {
  static auto* const original =
      reinterpret_cast<int (*)(sem_t*, int, unsigned)>(dlsym(RTLD_NEXT, "sem_init"));
  pymemlab::agent::restore_hooks();
  return original(semaphore, shared, value);
}

__attribute__((visibility("default"))) wchar_t* interposed_wcschr(const wchar_t* text,
                                                                  wchar_t wanted) {
  static auto* const original =
      reinterpret_cast<wchar_t* (*)(const wchar_t*, wchar_t)>(dlsym(RTLD_NEXT, "wcschr"));
  pymemlab::agent::restore_hooks();
  return original(text, wanted);
}

}  // extern "C"
