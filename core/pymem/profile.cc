#include "core/pymem/profile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

constexpr DebugBytes kFirstBytes{.clean = 0xCB, .dead = 0xDB, .forbidden = 0xFB};
constexpr DebugBytes kLaterBytes{.clean = 0xCD, .dead = 0xDD, .forbidden = 0xFD};

constexpr Profile k36{
    .name = "3.6",
    .since = {3, 6, 0},
    .geometry = kGeometry36,
    .bytes = kFirstBytes,
    .serial = Serial::before_request,
    .freed = FreedTest::dead,
    .realloc_erases = false,
    .realloc_zero_asks_one = true,
    .fatal_names_function = false,
    .fatal_names_state = false,
    .remembers_debug_hooks = false,
    .advises_huge_pages = false,
    .gil_check_asks_thread_state = false,
    .tracemalloc_frames_limit = 178'956'969,
    .debug_name_adds_to_malloc = true,
    .knows_default = false,
    .knows_dev_mode = false,
    .isolated_ignores_environment = false,
    .knows_mimalloc = false,
    .mimalloc_serves_raw = false,
    .unknown_name_text = "Error in PYTHONMALLOC: unknown allocator \"{}\"!\n",
};

// Each row is the one before with what the release changed.
constexpr Profile changed(Profile row, std::string_view name, Version since, auto change) {
  row.name = name;
  row.since = since;
  change(row);
  return row;
}

constexpr Profile k373 = changed(k36, "3.7.3", {3, 7, 0}, [](Profile& row) {
  row.serial = Serial::after_success;
  row.realloc_erases = true;
  row.realloc_zero_asks_one = false;
  row.debug_name_adds_to_malloc = false;
  row.knows_default = true;
  row.knows_dev_mode = true;
  row.isolated_ignores_environment = true;
  row.unknown_name_text =
      "Fatal Python error: _Py_InitializeCore_impl: Unknown PYTHONMALLOC allocator\n\n";
});
constexpr Profile k37 = changed(k373, "3.7", {3, 7, 4}, [](Profile& row) {
  row.geometry = kGeometry37;
  row.bytes = kLaterBytes;
  row.freed = FreedTest::painted;
});
constexpr Profile k38 = changed(k37, "3.8", {3, 8, 0}, [](Profile& row) {
  row.serial = Serial::none;
  row.freed = FreedTest::painted_or_null;
  row.fatal_names_state = true;
  row.unknown_name_text =
      "Fatal Python error: preconfig_init_allocator: PYTHONMALLOC: unknown allocator\n"
      "Python runtime state: preinitializing\n\n";
});
constexpr Profile k39 = changed(k38, "3.9", {3, 9, 0}, [](Profile& row) {
  row.geometry = kGeometry39;
  row.fatal_names_function = true;
  row.tracemalloc_frames_limit = 65'535;
});
constexpr Profile k310 =
    changed(k39, "3.10", {3, 10, 0}, [](Profile& row) { row.geometry = kGeometry310; });
constexpr Profile k311 =
    changed(k310, "3.11", {3, 11, 0}, [](Profile& row) { row.geometry = kGeometry311; });
constexpr Profile k312 = changed(k311, "3.12", {3, 12, 0}, [](Profile&) {});
constexpr Profile k313 = changed(k312, "3.13", {3, 13, 0}, [](Profile& row) {
  row.remembers_debug_hooks = true;
  row.knows_mimalloc = true;
});
constexpr Profile k314 =
    changed(k313, "3.14", {3, 14, 0}, [](Profile& row) { row.gil_check_asks_thread_state = true; });
constexpr Profile k315 = changed(k314, "3.15", {3, 15, 0}, [](Profile& row) {
  row.advises_huge_pages = true;
  row.mimalloc_serves_raw = true;
});
constexpr Profile k315HugePages = changed(
    k315, "3.15-hugepages", {3, 15, 0}, [](Profile& row) { row.geometry = kGeometry315HugePages; });

constexpr std::array kProfiles = {k36,  k373, k37,  k38,  k39,  k310,
                                  k311, k312, k313, k314, k315, k315HugePages};

// The number at the front of `text`, which is advanced past it.
std::optional<int> take_number(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// What may follow a release's numbers: nothing, "rc1", "a0", "+", "-dev", ...
bool is_suffix(std::string_view text) {
  return text.empty() ||
         (text.front() != '.' && text.find_first_of(" \t\n/") == std::string_view::npos);
}

std::optional<Version> parse_version(std::string_view text) {
  constexpr int kLastOfSeries = 1'000'000;
  const auto major = take_number(text);
  if (!major || !text.starts_with('.')) return std::nullopt;
  text.remove_prefix(1);
  const auto minor = take_number(text);
  if (!minor) return std::nullopt;
  int micro = kLastOfSeries;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const auto third = take_number(text);
    if (!third) return std::nullopt;
    micro = *third;
  }
  if (!is_suffix(text)) return std::nullopt;
  return Version{*major, *minor, micro};
}

}  // namespace

std::span<const Profile> profiles() noexcept { return kProfiles; }

const Profile& profile_named(std::string_view name) {
  for (const Profile& profile : kProfiles) {
    if (profile.name == name) return profile;
  }
  std::vector<std::string_view> names;
  names.reserve(kProfiles.size());
  for (const Profile& profile : kProfiles) names.push_back(profile.name);
  throw InputError("no profile is named \"{}\": there are {}", name, fmt::join(names, ", "));
}

const Profile& profile_of_version(std::string_view text) {
  const std::optional<Version> version = parse_version(text);
  if (!version) {
    throw InputError("\"{}\" is no CPython version: wanted numbers like 3.11 or 3.11.2", text);
  }
  const Profile* best = nullptr;
  for (const Profile& profile : kProfiles) {
    const bool applies = profile.since <= *version;
    if (applies && (best == nullptr || best->since < profile.since)) best = &profile;
  }
  if (best == nullptr) {
    throw InputError("CPython {} is older than {}, the first version there is a profile of", text,
                     kProfiles.front().name);
  }
  return *best;
}

Profile with_serial_numbers(const Profile& profile) noexcept {
  Profile numbered = profile;
  if (numbered.serial == Serial::none) numbered.serial = Serial::after_success;
  return numbered;
}

std::string unknown_allocator_text(const Profile& profile, std::string_view name) {
  return fmt::format(fmt::runtime(profile.unknown_name_text), name);
}

}  // namespace pymemlab
