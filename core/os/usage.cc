#include "core/os/usage.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>

namespace pymemlab {

std::uint64_t resident_anonymous_bytes() noexcept {
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  std::array<char, 256> text{};
  const ssize_t length = ::read(file, text.data(), text.size());
  ::close(file);
  if (length <= 0) return 0;
  // "size resident shared ...", in pages.
  const char* at = text.data();
  const char* end = at + length;
  std::array<std::uint64_t, 3> pages{};
  for (std::uint64_t& value : pages) {
    while (at < end && *at == ' ') ++at;
    at = std::from_chars(at, end, value).ptr;
  }
  return (pages[1] - pages[2]) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

KernelCounts kernel_counts() noexcept {
  rusage usage{};
  static_cast<void>(::getrusage(RUSAGE_SELF, &usage));
  return {.minor_faults = static_cast<std::uint64_t>(usage.ru_minflt),
          .major_faults = static_cast<std::uint64_t>(usage.ru_majflt),
          .involuntary_switches = static_cast<std::uint64_t>(usage.ru_nivcsw)};
}

std::uint64_t now_nanoseconds() noexcept {
  timespec now{};
  static_cast<void>(::clock_gettime(CLOCK_MONOTONIC, &now));
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace pymemlab
