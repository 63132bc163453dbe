#include "core/record/agent/arrival.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/record/agent/environment.h"

namespace pymemlab::agent {
namespace {

char g_variable[ring::kMostVariableBytes];  // "" if none arrived
char g_path[64];                            // of the table
const char* g_component;                    // inside g_variable
char g_command[sizeof ring::Header::command];
std::size_t g_command_bytes;
ring::Table* g_table;
bool g_passes_on;

// Null when there is no file of that size at `path`. The descriptor is gone when this returns.
void* map_shared(const char* path, std::size_t bytes) noexcept {
  const int descriptor = open(path, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  struct stat status = {};
  void* mapping = MAP_FAILED;
  if (fstat(descriptor, &status) == 0 && status.st_size == static_cast<off_t>(bytes)) {
    mapping = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  }
  close(descriptor);
  return mapping == MAP_FAILED ? nullptr : mapping;
}

// The seat is ours afterwards; null if there is none on offer.
ring::Seat* take_seat(std::uint32_t id) noexcept {
  for (ring::Seat& seat : g_table->seats) {
    std::uint32_t offered = ring::Seat::kOffered;
    if (seat.owner.load(std::memory_order_relaxed) == offered &&
        seat.owner.compare_exchange_strong(offered, id)) {
      return &seat;
    }
  }
  return nullptr;
}

ring::Seat* wait_for_seat(std::uint32_t id) noexcept {
  constexpr int kTries = 2000;
  constexpr timespec kPause = {.tv_sec = 0, .tv_nsec = 1'000'000};
  for (int tries = 0; tries < kTries; ++tries) {
    if (ring::Seat* seat = take_seat(id)) return seat;
    if (g_table->follows_tree == 0) return nullptr;
    if (!is_alive(g_table->collector)) return nullptr;
    syscall(SYS_nanosleep, &kPause, nullptr);
  }
  return nullptr;
}

void note_command(int argument_count, char** arguments) noexcept {
  for (int i = 0; i < argument_count && arguments[i] != nullptr; ++i) {
    const std::size_t room = sizeof g_command - g_command_bytes;
    const std::size_t length = std::min(std::strlen(arguments[i]) + 1, room);
    std::memcpy(g_command + g_command_bytes, arguments[i], length);
    g_command_bytes += length;
  }
}

}  // namespace

bool arrive(int argument_count, char** arguments) noexcept {
  const char* value = find_variable(ring::kTableVariable);
  if (value == nullptr) return false;
  constexpr std::size_t kNameBytes = sizeof ring::kTableVariable - 1;
  const char* entry = value - kNameBytes - 1;
  const char* colon = std::strchr(value, ':');
  if (colon == nullptr || std::strlen(entry) >= sizeof g_variable) return false;
  const auto path_bytes = static_cast<std::size_t>(colon - value);
  if (path_bytes >= sizeof g_path) return false;
  std::strcpy(g_variable, entry);
  std::memcpy(g_path, value, path_bytes);
  g_component = g_variable + kNameBytes + 1 + path_bytes + 1;
  g_passes_on = true;
  note_command(argument_count, arguments);
  return true;
}

bool arrive_late(const char* table_path) noexcept {
  if (std::strlen(table_path) >= sizeof g_path) return false;
  if (g_table != nullptr) munmap(g_table, sizeof(ring::Table));
  g_table = nullptr;
  g_command_bytes = 0;
  std::strcpy(g_path, table_path);
  const int descriptor = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return true;
  const ssize_t got = read(descriptor, g_command, sizeof g_command);
  if (got > 0) g_command_bytes = static_cast<std::size_t>(got);
  close(descriptor);
  return true;
}

ring::Table* open_table() noexcept {
  if (g_table != nullptr) return g_table;
  auto* found = static_cast<ring::Table*>(map_shared(g_path, sizeof(ring::Table)));
  if (found == nullptr) return nullptr;
  if (found->magic != ring::kTableMagic || found->version != ring::kVersion) {
    munmap(found, sizeof(ring::Table));
    return nullptr;
  }
  if (g_component != nullptr) {
    remove_component("LD_PRELOAD", g_component);
    remove_variable(ring::kTableVariable);
  }
  g_passes_on = found->follows_tree != 0;
  return g_table = found;
}

ring::Table* table() noexcept { return g_table; }

ring::Header* take_ring() noexcept {
  const auto id = static_cast<std::uint32_t>(getpid());
  ring::Seat* seat = wait_for_seat(id);
  if (seat == nullptr) {
    if (g_table->follows_tree != 0) g_table->turned_away.fetch_add(1);
    return nullptr;
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/%u/fd/%d", g_table->collector, seat->descriptor.load());
  auto* header = static_cast<ring::Header*>(map_shared(path, ring::kMappingBytes));
  if (header != nullptr && header->magic == ring::kMagic && header->version == ring::kVersion &&
      header->ring_bytes == ring::kRingBytes) {
    header->owner = id;
    return header;
  }
  if (header != nullptr) leave_ring(header);
  g_table->turned_away.fetch_add(1);
  seat->owner.store(ring::Seat::kOffered);
  return nullptr;
}

void leave_ring(ring::Header* header) noexcept { munmap(header, ring::kMappingBytes); }

void tell_command(ring::Header& header) noexcept {
  std::memcpy(header.command, g_command, g_command_bytes);
  header.command_bytes = static_cast<std::uint32_t>(g_command_bytes);
}

bool passes_agent_on() noexcept { return g_passes_on; }
const char* arrival_variable() noexcept { return g_variable; }
const char* preload_component() noexcept { return g_component; }

}  // namespace pymemlab::agent
