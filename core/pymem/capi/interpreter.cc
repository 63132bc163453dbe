#include "core/pymem/capi/interpreter.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>

#include "core/base/input_error.h"

namespace pymemlab::capi {

constinit std::atomic<Interpreter*> g_interpreter = nullptr;

namespace {

constexpr const char* kNewestRelease = "3.14";

constinit std::mutex g_lifecycle;  // making and ending the interpreter

const Profile& profile_for(const char* name) {
  return profile_named(name != nullptr ? name : kNewestRelease);
}

// The value given, or the environment's; nullopt: not set.
std::optional<std::string_view> pythonmalloc_for(const char* value) noexcept {
  if (value == nullptr) value = std::getenv("PYTHONMALLOC");
  return value != nullptr ? std::optional<std::string_view>(value) : std::nullopt;
}

bool wants_malloc_stats() noexcept {
  const char* value = std::getenv("PYTHONMALLOCSTATS");
  return value != nullptr && *value != '\0';
}

// REQUIRES: g_lifecycle is held and there is no interpreter. Throws InputError.
void make_interpreter(const char* profile_name, const char* pythonmalloc) {
  const Profile& profile = profile_for(profile_name);
  const Configuration& configuration = configuration_for(pythonmalloc_for(pythonmalloc), profile);
  g_interpreter = new Interpreter(
      {.profile = profile, .configuration = configuration, .malloc_stats = wants_malloc_stats()});
}

}  // namespace

Interpreter::Interpreter(const Settings& settings)
    : memory_({.profile = &settings.profile,
               .configuration = &settings.configuration,
               .malloc_stats = settings.malloc_stats,
               .gil = gil_.check(settings.profile)}),
      tracemalloc_(memory_, {.gil = &gil_, .frames = entered_frames()}) {
  gil_.acquire();
}

Interpreter::~Interpreter() {
  tracemalloc_.stop();
  memory_.report_at_exit();
}

Interpreter& initialized_on_first_use() noexcept {
  const std::scoped_lock lock(g_lifecycle);
  if (g_interpreter == nullptr) {
    try {
      make_interpreter(nullptr, nullptr);
    } catch (const InputError& error) {
      std::fprintf(stderr, "%s\n", error.what());
      std::exit(EXIT_FAILURE);
    }
  }
  return *g_interpreter;
}

}  // namespace pymemlab::capi

using namespace pymemlab;
using namespace pymemlab::capi;

int PyMemLab_Initialize(const char* profile, const char* pythonmalloc) {
  const std::scoped_lock lock(g_lifecycle);
  try {
    if (g_interpreter != nullptr) {
      throw InputError(
          "there is an interpreter already, made by PyMemLab_Initialize or by the first use of the "
          "memory functions: call PyMemLab_Finalize before another PyMemLab_Initialize");
    }
    make_interpreter(profile, pythonmalloc);
    return 0;
  } catch (const std::exception& error) {
    set_last_error(error.what());
    return -1;
  }
}

void PyMemLab_Finalize() {
  const std::scoped_lock lock(g_lifecycle);
  delete g_interpreter.load();
  g_interpreter = nullptr;
}
