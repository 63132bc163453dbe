// The new program carries the agent even where this process no longer shows it in its environment,
// or passes another environment on. What is added lies on the stack, so that it also works in a
// child of vfork. execl and its kin, which few use, pass on the environment as it is.
#include "core/record/agent/started_programs.h"

#include <alloca.h>
#include <dlfcn.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "core/record/agent/arrival.h"
#include "core/record/agent/environment.h"

namespace pymemlab::agent {
namespace {

constexpr const char kPreload[] = "LD_PRELOAD=";
constexpr std::size_t kPreloadBytes = sizeof kPreload - 1;
// Beyond these the environment is passed on as it is.
constexpr std::size_t kMostEntries = 8192;
constexpr std::size_t kMostPreloadBytes = 8192;

// What stands behind each. Found before anything can fork: the child of a process with threads must
// not ask the dynamic loader.
struct Originals {
  decltype(&::execve) execve;
  decltype(&::execvpe) execvpe;
  decltype(&::fexecve) fexecve;
  decltype(&::posix_spawn) posix_spawn;
  decltype(&::posix_spawnp) posix_spawnp;
  decltype(&::system) system;
  decltype(&::popen) popen;
};
Originals g_originals;

template <typename Function>
void find(Function& function, const char* name) noexcept {
  function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

const Originals& originals() noexcept {
  if (g_originals.popen == nullptr) find_started_programs();
  return g_originals;
}

struct Environment {
  std::size_t entries = 0;
  const char* preload = nullptr;  // its entry, if it has one
  bool carries_agent = false;
};

Environment look_at(char* const* environment) noexcept {
  Environment found;
  const std::size_t name_bytes = sizeof ring::kTableVariable;  // with the '='
  bool has_variable = false;
  for (; environment[found.entries] != nullptr; ++found.entries) {
    const char* entry = environment[found.entries];
    if (std::strncmp(entry, kPreload, kPreloadBytes) == 0) found.preload = entry;
    has_variable = has_variable || std::strncmp(entry, arrival_variable(), name_bytes) == 0;
  }
  found.carries_agent = has_variable && found.preload != nullptr &&
                        has_component(found.preload + kPreloadBytes, preload_component());
  return found;
}

// Fills `entries` with `environment` and ours. `text` becomes LD_PRELOAD.
void add_agent(char* const* environment, const Environment& found, char** entries,
               char* text) noexcept {
  std::strcpy(text, kPreload);
  std::strcat(text, preload_component());
  const char* before = found.preload == nullptr ? "" : found.preload + kPreloadBytes;
  if (has_component(before, preload_component())) {
    std::strcpy(text + kPreloadBytes, before);
  } else if (before[0] != '\0') {
    std::strcat(text, ":");
    std::strcat(text, before);
  }
  std::size_t count = 0;
  for (; *environment != nullptr; ++environment) {
    if (*environment == found.preload) continue;
    if (std::strncmp(*environment, arrival_variable(), sizeof ring::kTableVariable) == 0) continue;
    entries[count++] = *environment;
  }
  entries[count++] = text;
  entries[count++] = const_cast<char*>(arrival_variable());
  entries[count] = nullptr;
}

// Calls `use` with an environment that carries the agent.
template <typename Use>
auto with_agent(char* const* environment, Use use) {
  static char* const kNone[] = {nullptr};
  if (!passes_agent_on()) return use(environment);
  if (environment == nullptr) environment = kNone;
  const Environment found = look_at(environment);
  const std::size_t before = found.preload == nullptr ? 0 : std::strlen(found.preload);
  if (found.carries_agent || found.entries > kMostEntries || before > kMostPreloadBytes)
    return use(environment);
  auto** entries = static_cast<char**>(alloca((found.entries + 3) * sizeof(char*)));
  auto* text =
      static_cast<char*>(alloca(kPreloadBytes + std::strlen(preload_component()) + 1 + before + 1));
  add_agent(environment, found, entries, text);
  return use(entries);
}

// For the calls of libc that start a shell with the process's own environment: it is another one
// as long as this object lives.
class EnvironmentLent {
 public:
  explicit EnvironmentLent(char* const* lent) noexcept : own_(environ), lent_(lent) {
    environ = const_cast<char**>(lent);
  }
  // If another thread has set a variable meanwhile, ours were copied along, and are taken out.
  ~EnvironmentLent() {
    if (environ == lent_) {
      environ = own_;
    } else if (lent_ != own_) {
      remove_component("LD_PRELOAD", preload_component());
      remove_variable(ring::kTableVariable);
    }
  }
  EnvironmentLent(const EnvironmentLent&) = delete;
  EnvironmentLent& operator=(const EnvironmentLent&) = delete;

 private:
  char** own_;
  char* const* lent_;
};

}  // namespace

void find_started_programs() noexcept {
  find(g_originals.execve, "execve");
  find(g_originals.execvpe, "execvpe");
  find(g_originals.fexecve, "fexecve");
  find(g_originals.posix_spawn, "posix_spawn");
  find(g_originals.posix_spawnp, "posix_spawnp");
  find(g_originals.system, "system");
  find(g_originals.popen, "popen");
}

}  // namespace pymemlab::agent

namespace agent = pymemlab::agent;

// Nobody else is to be interposed.
#pragma GCC visibility push(default)
extern "C" {

int execve(const char* path, char* const* arguments, char* const* environment) noexcept {
  const auto real = agent::originals().execve;
  return agent::with_agent(environment,
                           [&](char* const* all) { return real(path, arguments, all); });
}

int execv(const char* path, char* const* arguments) noexcept {
  return execve(path, arguments, environ);
}

int execvpe(const char* file, char* const* arguments, char* const* environment) noexcept {
  const auto real = agent::originals().execvpe;
  return agent::with_agent(environment,
                           [&](char* const* all) { return real(file, arguments, all); });
}

int execvp(const char* file, char* const* arguments) noexcept {
  return execvpe(file, arguments, environ);
}

int fexecve(int descriptor, char* const* arguments, char* const* environment) noexcept {
  const auto real = agent::originals().fexecve;
  return agent::with_agent(environment,
                           [&](char* const* all) { return real(descriptor, arguments, all); });
}

int posix_spawn(pid_t* id, const char* path, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes, char* const* arguments,
                char* const* environment) {
  const auto real = agent::originals().posix_spawn;
  return agent::with_agent(environment, [&](char* const* all) {
    return real(id, path, actions, attributes, arguments, all);
  });
}

int posix_spawnp(pid_t* id, const char* file, const posix_spawn_file_actions_t* actions,
                 const posix_spawnattr_t* attributes, char* const* arguments,
                 char* const* environment) {
  const auto real = agent::originals().posix_spawnp;
  return agent::with_agent(environment, [&](char* const* all) {
    return real(id, file, actions, attributes, arguments, all);
  });
}

int system(const char* command) {
  const auto real = agent::originals().system;
  return agent::with_agent(environ, [&](char* const* all) {
    const agent::EnvironmentLent lent(all);
    return real(command);
  });
}

FILE* popen(const char* command, const char* modes) {
  const auto real = agent::originals().popen;
  return agent::with_agent(environ, [&](char* const* all) {
    const agent::EnvironmentLent lent(all);
    return real(command, modes);
  });
}

}  // extern "C"
#pragma GCC visibility pop
