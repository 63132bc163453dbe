#include "core/os/hardware_counters.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace pymemlab {
namespace {

struct Row {
  const char* name;
  std::uint32_t type;
  std::uint64_t config;
};

constexpr std::uint64_t kDtlbReadMisses = PERF_COUNT_HW_CACHE_DTLB |
                                          PERF_COUNT_HW_CACHE_OP_READ << 8 |
                                          PERF_COUNT_HW_CACHE_RESULT_MISS << 16;
constexpr std::array<Row, kHardwareEvents> kRows = {
    {{"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
     {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
     {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
     {"dtlb_misses", PERF_TYPE_HW_CACHE, kDtlbReadMisses}}};

int open_event(const Row& row) noexcept {
  perf_event_attr attributes{};
  attributes.type = row.type;
  attributes.size = sizeof attributes;
  attributes.config = row.config;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  attributes.disabled = 1;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  constexpr int kThisThread = 0;
  constexpr int kAnyProcessor = -1;
  constexpr int kNoGroup = -1;
  return static_cast<int>(::syscall(SYS_perf_event_open, &attributes, kThisThread, kAnyProcessor,
                                    kNoGroup, PERF_FLAG_FD_CLOEXEC));
}

}  // namespace

std::string_view name(HardwareEvent event) noexcept {
  return kRows[static_cast<std::size_t>(event)].name;
}

HardwareCounters::HardwareCounters() noexcept {
  for (std::size_t i = 0; i < kHardwareEvents; ++i) {
    descriptors_[i] = open_event(kRows[i]);
    if (descriptors_[i] < 0 && error_ == 0) error_ = errno;
  }
}

HardwareCounters::~HardwareCounters() {
  for (const int descriptor : descriptors_) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

void HardwareCounters::start() noexcept { all(PERF_EVENT_IOC_ENABLE); }
void HardwareCounters::stop() noexcept { all(PERF_EVENT_IOC_DISABLE); }

void HardwareCounters::reset() noexcept { all(PERF_EVENT_IOC_RESET); }

void HardwareCounters::all(unsigned long request) noexcept {
  for (const int descriptor : descriptors_) {
    if (descriptor >= 0) static_cast<void>(::ioctl(descriptor, request, 0));
  }
}

HardwareCounts HardwareCounters::counts() const noexcept {
  struct Reading {
    std::uint64_t value;
    std::uint64_t enabled_ns;
    std::uint64_t running_ns;
  };
  HardwareCounts counts;
  for (std::size_t i = 0; i < kHardwareEvents; ++i) {
    Reading reading{};
    if (descriptors_[i] < 0) continue;
    if (::read(descriptors_[i], &reading, sizeof reading) != sizeof reading) continue;
    if (reading.running_ns == 0) continue;  // never got a counter
    const double share =
        static_cast<double>(reading.enabled_ns) / static_cast<double>(reading.running_ns);
    counts.values[i] = reading.enabled_ns == reading.running_ns
                           ? reading.value
                           : static_cast<std::uint64_t>(static_cast<double>(reading.value) * share);
  }
  return counts;
}

}  // namespace pymemlab
