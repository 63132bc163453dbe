// The two checks. PYMEMLAB_CHECK is always on, PYMEMLAB_DCHECK only in debug builds. Both print
// what failed and where, then abort: they are for bugs and corruption, never for bad input
// (InputError).
#pragma once

namespace pymemlab {

[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace pymemlab

#define PYMEMLAB_CHECK(condition)                                                               \
  (__builtin_expect(!(condition), 0) ? ::pymemlab::check_failed(#condition, __FILE__, __LINE__) \
                                     : (void)0)

#ifdef NDEBUG
#define PYMEMLAB_DCHECK(condition) ((void)sizeof(condition))
#else
#define PYMEMLAB_DCHECK(condition) PYMEMLAB_CHECK(condition)
#endif
