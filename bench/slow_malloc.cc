// A malloc that is glibc's and waits a little first: a slowdown of known size, to be preloaded. In
// the environment SLOW_MALLOC_SPINS says how often it turns around.
#include <cstddef>
#include <cstdlib>

extern "C" void* __libc_malloc(std::size_t size);

namespace {
unsigned long spins() {
  const char* text = std::getenv("SLOW_MALLOC_SPINS");
  return text == nullptr ? 0 : std::strtoul(text, nullptr, 10);
}
unsigned long g_spins = 0;
__attribute__((constructor)) void read_spins() { g_spins = spins(); }
}  // namespace

extern "C" void* malloc(std::size_t size) {
  for (unsigned long i = 0; i < g_spins; ++i) __asm__ volatile("");
  return __libc_malloc(size);
}
