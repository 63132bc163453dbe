#include "core/pymem/debug_failure.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <span>

#include "core/pymem/debug_hooks.h"

namespace pymemlab {
namespace {

using Output = std::back_insert_iterator<std::string>;

std::uint64_t load_big_endian(const std::uint8_t* bytes) noexcept {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return value;
}

// One run of guards: whole, or byte by byte with the bad ones marked. `label` formats a byte's
// place.
template <typename Label>
bool write_guards(Output& out, std::span<const std::uint8_t> guards, std::uint8_t forbidden,
                  Label label) {
  if (std::all_of(guards.begin(), guards.end(), [&](auto byte) { return byte == forbidden; })) {
    fmt::format_to(out, "FORBIDDENBYTE, as expected.\n");
    return true;
  }
  fmt::format_to(out, "not all FORBIDDENBYTE (0x{:02x}):\n", forbidden);
  for (std::size_t i = 0; i < guards.size(); ++i) {
    fmt::format_to(out, "        at {}: 0x{:02x}{}\n", label(i), guards[i],
                   guards[i] == forbidden ? "" : " *** OUCH");
  }
  return false;
}

// The first eight bytes, and the last eight of what remains.
void write_data(Output& out, const std::uint8_t* data, std::uint64_t size) {
  constexpr std::uint64_t kShown = 8;
  if (size == 0) return;
  fmt::format_to(out, "    Data at p:");
  std::uint64_t at = 0;
  for (; at < std::min(size, kShown); ++at) fmt::format_to(out, " {:02x}", data[at]);
  if (size - at > kShown) {
    fmt::format_to(out, " ...");
    at = size - kShown;
  }
  for (; at < size; ++at) fmt::format_to(out, " {:02x}", data[at]);
  fmt::format_to(out, "\n");
}

std::string message(const DebugFailure& failure) {
  switch (failure.fault) {
    case DebugFault::no_gil: return "Python memory allocator called without holding the GIL";
    case DebugFault::wrong_tag:
      return fmt::format("bad ID: Allocated using API '{}', verified using API '{}'",
                         *(static_cast<const char*>(failure.block) - 8), debug_tag(failure.domain));
    case DebugFault::leading_guard: return "bad leading pad byte";
    case DebugFault::trailing_guard: return "bad trailing pad byte";
  }
  return {};
}

// The C function that CPython 3.9+ names. Blocks are checked by the raw functions in every domain.
std::string function_name(const DebugFailure& failure) {
  constexpr std::array<std::string_view, 4> kNames = {"Malloc", "Calloc", "Realloc", "Free"};
  return fmt::format("_PyMem_Debug{}{}", failure.fault == DebugFault::no_gil ? "" : "Raw",
                     kNames[static_cast<std::size_t>(failure.operation)]);
}

void print_and_abort(void*, const DebugFailure& failure, const Profile& profile) {
  const std::string text = debug_dump(failure, profile) + fatal_error_text(failure, profile);
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
  std::abort();
}

}  // namespace

char debug_tag(Domain domain) noexcept {
  constexpr std::array kTags = {'r', 'm', 'o'};
  return kTags[index(domain)];
}

std::string debug_dump(const DebugFailure& failure, const Profile& profile) {
  if (failure.fault == DebugFault::no_gil) return {};
  const auto* user = static_cast<const std::uint8_t*>(failure.block);
  const std::uint64_t size = load_big_endian(user - kDebugHeaderBytes);
  const std::uint8_t* tail = user + size;
  const std::uint8_t forbidden = profile.bytes.forbidden;

  std::string text;
  Output out(text);
  fmt::format_to(out, "Debug memory block at address p={}: API '{}'\n", failure.block,
                 static_cast<char>(user[-8]));
  fmt::format_to(out, "    {} bytes originally requested\n", size);
  fmt::format_to(out, "    The 7 pad bytes at p-7 are ");
  if (!write_guards(out, {user - 7, 7}, forbidden,
                    [](std::size_t i) { return fmt::format("p-{}", 7 - i); })) {
    fmt::format_to(out,
                   "    Because memory is corrupted at the start, the count of bytes requested\n"
                   "       may be bogus, and checking the trailing pad bytes may segfault.\n");
  }
  fmt::format_to(out, "    The 8 pad bytes at tail={} are ", static_cast<const void*>(tail));
  write_guards(out, {tail, kDebugGuardBytes}, forbidden,
               [](std::size_t i) { return fmt::format("tail+{}", i); });
  if (profile.serial != Serial::none) {
    fmt::format_to(out, "    The block was made by call #{} to debug malloc/realloc.\n",
                   load_big_endian(tail + kDebugGuardBytes));
  }
  write_data(out, user, size);
  const TracebackSource& traceback = failure.traceback;
  return text + "\n" +
         (traceback.paragraph == nullptr
              ? "Enable tracemalloc to get the memory block allocation traceback\n\n"
              : traceback.paragraph(traceback.context, failure.block));
}

std::string fatal_error_text(const DebugFailure& failure, const Profile& profile) {
  return fatal_error_text(function_name(failure), message(failure), profile);
}

std::string fatal_error_text(std::string_view function, std::string_view message,
                             const Profile& profile) {
  std::string text = "Fatal Python error: ";
  if (profile.fatal_names_function) text += fmt::format("{}: ", function);
  text += fmt::format("{}\n", message);
  if (profile.fatal_names_state) text += "Python runtime state: initialized\n";
  text += fmt::format("\nCurrent thread 0x{:016x} (most recent call first):\n",
                      static_cast<std::uint64_t>(::pthread_self()));
  return text;
}

DebugReporter aborting_reporter() noexcept { return {.report = print_and_abort}; }

}  // namespace pymemlab
