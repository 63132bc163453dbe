#include "core/os/machine.h"

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <sched.h>
#include <sys/utsname.h>
#include <time.h>

#include <array>
#include <cstdlib>
#include <fstream>

namespace pymemlab {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return {};
}

std::string cache_sizes() {
  std::string text;
  for (int i = 0;; ++i) {
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/", i);
    const std::string size = first_line(folder + "size");
    if (size.empty()) return text;
    const std::string type = first_line(folder + "type");
    if (type == "Instruction") continue;
    text += fmt::format("{}L{}{} {}", text.empty() ? "" : ", ", first_line(folder + "level"),
                        type == "Data" ? "d" : "", size);
  }
}

}  // namespace

Machine describe_machine() {
  Machine machine;
  utsname names{};
  if (::uname(&names) == 0) {
    machine.host = names.nodename;
    machine.kernel = fmt::format("{} {} {}", names.sysname, names.release, names.machine);
  }
  machine.cpus = static_cast<unsigned>(allowed_cpus().size());
  machine.cpu = cpu_model();
  machine.caches = cache_sizes();
  machine.libc = fmt::format("glibc {}", ::gnu_get_libc_version());
  return machine;
}

std::vector<unsigned> allowed_cpus() {
  std::vector<unsigned> allowed;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (::sched_getaffinity(0, sizeof cpus, &cpus) != 0) return allowed;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &cpus)) allowed.push_back(cpu);
  }
  return allowed;
}

std::optional<unsigned> only_cpu() {
  const std::vector<unsigned> allowed = allowed_cpus();
  return allowed.size() == 1 ? std::optional(allowed[0]) : std::nullopt;
}

std::optional<double> load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? std::optional(load) : std::nullopt;
}

std::string utc_now() {
  const time_t now = ::time(nullptr);
  tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const std::size_t length = ::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), length};
}

}  // namespace pymemlab
