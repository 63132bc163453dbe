// The agent: loaded into every process of the recorded command by LD_PRELOAD. Where there is a
// CPython it hooks the allocators before the interpreter starts; a process whose interpreter then
// does start takes a ring, if there is one for it, and is recorded. Everywhere else it does nothing
// and leaves the environment alone, so that shims and wrappers pass it on. A debugger may also load
// it into a process whose interpreter runs, and call kAttachFunction.
//
// It is a guest: it allocates nothing, throws nothing, prints nothing, starts no thread, keeps no
// descriptor.
#include <pthread.h>
#include <unistd.h>

#include <cstring>

#include "core/record/agent/arrival.h"
#include "core/record/agent/checkpoints.h"
#include "core/record/agent/environment.h"
#include "core/record/agent/hooks.h"
#include "core/record/agent/interposed.h"
#include "core/record/agent/python_api.h"
#include "core/record/agent/ring.h"
#include "core/record/agent/ring_writer.h"
#include "core/record/agent/sites.h"
#include "core/record/agent/started_programs.h"

namespace pymemlab::agent {
namespace {

PythonApi g_api;
bool g_has_arrived;
ring::Header* g_ring;

template <std::size_t kSize>
void copy_text(char (&to)[kSize], const char* from) noexcept {
  std::strncpy(to, from, kSize - 1);
}

void tell_facts(ring::Header& header) noexcept {
  copy_text(header.python, g_api.version());
  header.debug_build = g_api.debug_counter != nullptr;
  const char* configuration = find_variable("PYTHONMALLOC");
  header.has_pythonmalloc = configuration != nullptr;
  if (configuration != nullptr) copy_text(header.pythonmalloc, configuration);
  header.parent = static_cast<std::uint32_t>(getppid());
  tell_command(header);
  const ForkOrigin origin = fork_origin();
  header.parent_serial = origin.serial;
  header.parent_fork = origin.fork;
}

// At the first event: a program may be linked with Python and never start it (perf, say), but run
// another that does. A forked child comes here too, at its own first event, and lets go of its
// parent's ring.
ring::Header* claim() noexcept {
  const bool is_first = table() == nullptr;
  if (open_table() == nullptr) return nullptr;
  ring::Header* const parents = g_ring;
  g_ring = take_ring();
  obey_pauses(g_ring == nullptr ? nullptr : &g_ring->paused);
  if (parents != nullptr) leave_ring(parents);
  if (g_ring == nullptr) return nullptr;
  tell_facts(*g_ring);
  if (is_first && table()->takes_checkpoints != 0)
    arm_checkpoints(g_api, table()->checkpoint_every);
  if (table()->site_depth != 0 && arm_sites(g_api, table()->site_depth)) {
    tell_sites(current_site);
    g_ring->tells_sites = 1;
  }
  g_ring->state.store(ring::State::hooked);
  return g_ring;
}

bool follows_tree() noexcept { return table() != nullptr && table()->follows_tree != 0; }

void before_fork() noexcept {
  if (!follows_tree()) return;
  restore_hooks();
  note_fork();
}

void in_child() noexcept {
  forget_site_threads();
  continue_in_child(follows_tree());
}

void attach(Arrival arrival) noexcept {
  pthread_atfork(before_fork, nullptr, in_child);
  record_from_first_event(claim);
  install_hooks(g_api, arrival);
}

__attribute__((constructor)) void load(int argument_count, char** arguments) noexcept {
  g_has_arrived = arrive(argument_count, arguments);
  if (!g_has_arrived) return;
  find_started_programs();
  if (find_linked_python(g_api)) attach(Arrival::early);
}

// Another collector takes over from one that has gone.
ring::Attached take_over(const char* table_path) noexcept {
  if (g_ring == nullptr || is_alive(g_ring->collector)) return ring::Attached::before;
  if (!arrive_late(table_path) || open_table() == nullptr) return ring::Attached::no_table;
  ring::Header* const fresh = take_ring();
  if (fresh == nullptr) return ring::Attached::no_table;
  tell_facts(*fresh);
  const unsigned depth = table()->site_depth;
  fresh->tells_sites = depth != 0 && arm_sites(g_api, depth) ? 1 : 0;
  if (!continue_in(fresh)) {
    leave_ring(fresh);
    return ring::Attached::before;
  }
  if (g_ring->tells_sites != 0) forget_sites();
  tell_sites(g_ring->tells_sites != 0 ? current_site : nullptr);
  g_ring->state.store(ring::State::hooked);
  return ring::Attached::yes;
}

ring::Attached attach_running(const char* table_path) noexcept {
  if (are_hooks_installed()) return take_over(table_path);
  if (!find_linked_python(g_api) && !find_loaded_python(g_api)) return ring::Attached::no_python;
  if (!arrive_late(table_path) || open_table() == nullptr) return ring::Attached::no_table;
  attach(Arrival::running);
  return ring::Attached::yes;
}

}  // namespace

void attach_late() noexcept {
  if (g_has_arrived && find_loaded_python(g_api)) attach(Arrival::early);
}

}  // namespace pymemlab::agent

// ring::kAttachFunction.
extern "C" __attribute__((visibility("default"))) int pymemlab_attach(
    const char* table_path) noexcept {
  return static_cast<int>(pymemlab::agent::attach_running(table_path));
}
