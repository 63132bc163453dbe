#include "core/measure/system_malloc.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gnu/libc-version.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <span>

#include "core/base/input_error.h"
#include "core/measure/malloc_symbols.h"
#include "core/os/file.h"

namespace pymemlab {
namespace {

namespace fs = std::filesystem;

using Setting = std::pair<std::string, std::string>;
using Variables = std::vector<Setting>;

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}
std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// One variable that holds all settings, each as "NAME=VALUE" in the given notation.
std::string joined(const Variables& settings, std::string_view prefix, std::string_view between,
                   std::string_view after) {
  std::string text;
  for (const auto& [name, value] : settings) {
    if (!text.empty()) text += after;
    text += fmt::format("{}{}{}{}", prefix, name, between, value);
  }
  return text;
}

// glibc ignores what it does not know without a word, so it is held against what there is.
// glibc 2.26 to 2.41.
constexpr std::array<std::string_view, 13> kGlibcSettings = {"check",
                                                             "top_pad",
                                                             "perturb",
                                                             "mmap_max",
                                                             "mmap_threshold",
                                                             "trim_threshold",
                                                             "arena_max",
                                                             "arena_test",
                                                             "tcache_max",
                                                             "tcache_count",
                                                             "tcache_unsorted_limit",
                                                             "mxfast",
                                                             "hugetlb"};

Variables glibc_variables(const Variables& settings) {
  for (const auto& [name, value] : settings) {
    if (std::find(kGlibcSettings.begin(), kGlibcSettings.end(), name) == kGlibcSettings.end())
      throw InputError("glibc has no malloc tunable \"{}\": there are {}", name,
                       fmt::join(kGlibcSettings, ", "));
    // glibc says nothing and takes its default.
    if (value.empty() || value.find_first_not_of("0123456789") != value.npos)
      throw InputError("glibc:{}={}: a number was wanted", name, value);
  }
  return {{"GLIBC_TUNABLES", joined(settings, "glibc.malloc.", "=", ":")}};
}
Variables jemalloc_variables(const Variables& settings) {
  return {{"MALLOC_CONF", joined(settings, "", ":", ",")}};
}
Variables scudo_variables(const Variables& settings) {
  return {{"SCUDO_OPTIONS", joined(settings, "", "=", ":")}};
}
Variables prefixed(const char* prefix, const Variables& settings) {
  Variables variables;
  for (const auto& [name, value] : settings) variables.emplace_back(prefix + upper(name), value);
  return variables;
}
Variables mimalloc_variables(const Variables& settings) { return prefixed("MIMALLOC_", settings); }
Variables tcmalloc_variables(const Variables& settings) { return prefixed("TCMALLOC_", settings); }

// The line of what was said that has `words` in it, and those indented below it.
std::optional<std::string> line_with(std::string_view words, std::string_view said) {
  std::string found;
  while (!said.empty()) {
    const std::size_t end = std::min(said.find('\n'), said.size());
    const std::string_view line = said.substr(0, end);
    said.remove_prefix(std::min(end + 1, said.size()));
    const std::size_t indent = line.find_first_not_of(' ');
    if (!found.empty() && (indent == 0 || indent == line.npos)) break;
    if (!found.empty()) {
      found += line.substr(indent - 1);
    } else if (line.find(words) != line.npos) {
      found = line;
    }
  }
  return found.empty() ? std::nullopt : std::optional(found);
}

using Refused = std::optional<std::string>;
Refused glibc_refused(const SystemMalloc&, std::string_view) { return std::nullopt; }
Refused jemalloc_refused(const SystemMalloc&, std::string_view said) {
  return line_with("<jemalloc>: Invalid conf", said);
}
Refused scudo_refused(const SystemMalloc&, std::string_view said) {
  return line_with("Scudo WARNING: found", said);
}
// It lists the options that it has, and complains of values alone.
Refused mimalloc_refused(const SystemMalloc& malloc, std::string_view said) {
  if (said.find("mimalloc: option '") == said.npos) return std::nullopt;
  for (const auto& [variable, value] : malloc.environment) {
    const std::string name = lower(variable.substr(std::string_view("MIMALLOC_").size()));
    const bool known = said.find(fmt::format("option '{}'", name)) != said.npos ||
                       said.find(fmt::format("\"mimalloc_{}\" is deprecated", name)) != said.npos;
    if (!known) return fmt::format("this mimalloc has no option \"{}\"", name);
  }
  return line_with("has an invalid value", said);
}
// It never says a word; the variables that it reads stand in its code.
Refused tcmalloc_refused(const SystemMalloc& malloc, std::string_view) {
  File library = File::open_to_read(malloc.library);
  std::string code(library.size().value_or(0), '\0');
  code.resize(library.read(std::as_writable_bytes(std::span(code))));
  for (const auto& [variable, value] : malloc.environment) {
    if (code.find(variable + '\0') == code.npos)
      return fmt::format("this tcmalloc reads no variable {}", variable);
  }
  return std::nullopt;
}

std::string glibc_version() { return ::gnu_get_libc_version(); }
std::string jemalloc_version() {
  const auto ask = symbol<int(const char*, void*, std::size_t*, void*, std::size_t)>(kJemallocsOwn);
  const char* text = "";
  std::size_t bytes = sizeof text;
  if (ask("version", &text, &bytes, nullptr, 0) != 0) return {};
  const std::string version(text);  // "5.3.0-0-g54eaed1d"
  return version.substr(0, version.find('-'));
}
std::string mimalloc_version() {
  const int number = symbol<int()>(kMimallocsOwn)();
  return fmt::format("{}.{}.{}", number / 100, number / 10 % 10, number % 10);
}
std::string tcmalloc_version() {
  const char* patch = "";
  int major = 0;
  int minor = 0;
  static_cast<void>(
      symbol<const char*(int*, int*, const char**)>(kTcmallocsOwn)(&major, &minor, &patch));
  return fmt::format("{}.{}{}", major, minor, patch);
}
// It does not tell, but it lies in a folder named for its compiler's version.
std::string scudo_version_of(const std::string& path) {
  for (const fs::path& part : fs::path(path)) {
    const std::string text = part.string();
    if (std::count(text.begin(), text.end(), '.') == 2 &&
        std::isdigit(static_cast<unsigned char>(text.front())) != 0)
      return text;
  }
  return {};
}
std::string scudo_version() { return {}; }

struct Row {
  std::string_view name;
  std::string_view package;
  std::array<std::string_view, 3> files;  // names, the best first
  const char* own_symbol;                 // that only this allocator exports
  std::string (*version)();
  Variables (*variables)(const Variables& settings);
  Refused (*refused)(const SystemMalloc& malloc, std::string_view said);
  const char* verbose = nullptr;  // the variable that makes it say what it makes of its settings
};
constexpr std::array kRows = {
    Row{"glibc", "libc6", {}, nullptr, glibc_version, glibc_variables, glibc_refused},
    Row{"jemalloc",
        "libjemalloc2",
        {"libjemalloc.so.2"},
        kJemallocsOwn,
        jemalloc_version,
        jemalloc_variables,
        jemalloc_refused},
    Row{"mimalloc",
        "libmimalloc2.0",
        {"libmimalloc.so.2"},
        kMimallocsOwn,
        mimalloc_version,
        mimalloc_variables,
        mimalloc_refused,
        "MIMALLOC_VERBOSE"},
    Row{"tcmalloc",
        "libtcmalloc-minimal4",
        {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4"},
        kTcmallocsOwn,
        tcmalloc_version,
        tcmalloc_variables,
        tcmalloc_refused},
    Row{"scudo",
        "libclang-rt-14-dev",
        {"libclang_rt.scudo_standalone-x86_64.so", "libclang_rt.scudo_standalone.so",
         "libclang_rt.scudo_standalone-aarch64.so"},
        kScudosOwn,
        scudo_version,
        scudo_variables,
        scudo_refused},
};

const Row* row_called(std::string_view name) noexcept {
  const auto* row =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.name == name; });
  return row == kRows.end() ? nullptr : row;
}

std::string path_of_symbol(const char* name) {
  Dl_info info{};
  const void* found = ::dlsym(RTLD_DEFAULT, name);
  if (found == nullptr || ::dladdr(found, &info) == 0 || info.dli_fname == nullptr) return {};
  return info.dli_fname;
}

// Where libraries lie: LD_LIBRARY_PATH, beside libc, the usual places, and every compiler's own.
std::vector<fs::path> library_folders() {
  std::vector<fs::path> folders;
  const char* variable = std::getenv("LD_LIBRARY_PATH");
  std::string_view rest = variable == nullptr ? "" : variable;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    if (end != 0) folders.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const std::string libc = path_of_symbol("gnu_get_libc_version");
  for (const char* folder : {"/usr/local/lib", "/usr/lib/x86_64-linux-gnu",
                             "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"})
    folders.emplace_back(folder);
  if (!libc.empty()) folders.push_back(fs::path(libc).parent_path());
  std::error_code none;
  std::vector<fs::path> compilers;
  for (const fs::directory_entry& llvm : fs::directory_iterator("/usr/lib", none)) {
    if (!llvm.path().filename().string().starts_with("llvm-")) continue;
    for (const fs::directory_entry& version :
         fs::directory_iterator(llvm.path() / "lib/clang", none)) {
      if (!version.is_symlink(none)) compilers.push_back(version.path() / "lib/linux");
    }
  }
  std::sort(compilers.rbegin(), compilers.rend());  // the newest first
  folders.insert(folders.end(), compilers.begin(), compilers.end());
  return folders;
}

std::optional<std::string> find_library(const Row& row) {
  if (row.own_symbol == nullptr) return "";
  const std::vector<fs::path> folders = library_folders();
  for (const std::string_view file : row.files) {
    if (file.empty()) continue;
    for (const fs::path& folder : folders) {
      std::error_code none;
      if (fs::is_regular_file(folder / file, none)) return (folder / file).string();
    }
  }
  return std::nullopt;
}

// "tcache_count=0:arena_max=1".
Variables settings_of(std::string_view allocator, std::string_view text) {
  Variables settings;
  do {
    const std::size_t end = std::min(text.find(':'), text.size());
    const std::string_view setting = text.substr(0, end);
    const std::size_t equals = setting.find('=');
    if (equals == setting.npos || equals == 0 || equals + 1 == setting.size()) {
      throw InputError("system malloc {}: \"{}\" is no setting: NAME=VALUE was wanted", allocator,
                       setting);
    }
    settings.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  } while (!text.empty());
  return settings;
}

SystemMalloc own_library(const std::string& path) {
  std::error_code none;
  if (!fs::is_regular_file(path, none))
    throw InputError("system malloc {}: there is no such library", path);
  if (path.find_first_of(": ") != path.npos) {
    throw InputError("system malloc {}: a path with a colon or a space cannot be preloaded", path);
  }
  return {.name = path, .library = path};
}

}  // namespace

SystemMalloc system_malloc_called(const std::string& text) {
  if (text.find('/') != text.npos) return own_library(text);
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string allocator = text.substr(0, colon);
  const Row* row = row_called(allocator);
  if (row == nullptr) {
    std::vector<std::string_view> names;
    for (const Row& known : kRows) names.push_back(known.name);
    throw InputError("no system malloc is named \"{}\": there are {}, and the path of any other",
                     allocator, fmt::join(names, ", "));
  }
  const std::optional<std::string> library = find_library(*row);
  if (!library) {
    throw InputError("there is no {} on this machine: it is in the package {} (apt-get install {})",
                     row->name, row->package, row->package);
  }
  const Variables settings =
      colon == text.size() ? Variables() : settings_of(allocator, text.substr(colon + 1));
  return {.name = text,
          .library = *library,
          .environment = settings.empty() ? Variables() : row->variables(settings)};
}

SystemMalloc outspoken(SystemMalloc malloc) {
  const Row* row = row_called(malloc.allocator());
  if (row != nullptr && row->verbose != nullptr) malloc.environment.emplace_back(row->verbose, "1");
  return malloc;
}

std::optional<std::string> refused_setting(const SystemMalloc& malloc, std::string_view said) {
  const Row* row = malloc.environment.empty() ? nullptr : row_called(malloc.allocator());
  return row == nullptr ? std::nullopt : row->refused(malloc, said);
}

std::vector<KnownMalloc> known_mallocs() {
  std::vector<KnownMalloc> known;
  for (const Row& row : kRows)
    known.push_back({.name = row.name, .package = row.package, .library = find_library(row)});
  return known;
}

MallocIdentity identify_malloc() {
  const std::string path = path_of_symbol("malloc");
  for (const Row& row : kRows) {
    const char* own = row.own_symbol == nullptr ? "gnu_get_libc_version" : row.own_symbol;
    if (path.empty() || path_of_symbol(own) != path) continue;
    const std::string version = row.version();
    return {.name = std::string(row.name),
            .version = version.empty() ? scudo_version_of(path) : version,
            .path = path};
  }
  return {.name = fs::path(path).filename().string(), .version = {}, .path = path};
}

}  // namespace pymemlab
