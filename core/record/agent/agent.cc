// The agent: loaded into every process of the recorded command by LD_PRELOAD. Where there is a
// CPython it hooks the allocators before the interpreter starts; the first process whose
// interpreter then does start is recorded. Everywhere else it does nothing and leaves the
// environment alone, so that shims and wrappers pass it on.
//
// It is a guest: it allocates nothing, throws nothing, prints nothing, starts no thread, keeps no
// descriptor.
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "core/record/agent/checkpoints.h"
#include "core/record/agent/environment.h"
#include "core/record/agent/hooks.h"
#include "core/record/agent/interposed.h"
#include "core/record/agent/python_api.h"
#include "core/record/agent/ring.h"
#include "core/record/agent/ring_writer.h"

namespace pymemlab::agent {
namespace {

// Null when there is none at `path` that we understand.
ring::Header* map_ring(const char* path) noexcept {
  const int descriptor = open(path, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  struct stat status = {};
  void* mapping = MAP_FAILED;
  if (fstat(descriptor, &status) == 0 &&
      status.st_size == static_cast<off_t>(ring::kMappingBytes)) {
    mapping = mmap(nullptr, ring::kMappingBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  }
  close(descriptor);
  if (mapping == MAP_FAILED) return nullptr;
  auto* header = static_cast<ring::Header*>(mapping);
  if (header->magic == ring::kMagic && header->version == ring::kVersion &&
      header->ring_bytes == ring::kRingBytes) {
    return header;
  }
  munmap(mapping, ring::kMappingBytes);
  return nullptr;
}

template <std::size_t kSize>
void copy_text(char (&to)[kSize], const char* from) noexcept {
  std::strncpy(to, from, kSize - 1);
}

void tell_facts(ring::Header* header, const PythonApi& api) noexcept {
  copy_text(header->python, api.version());
  header->debug_build = api.debug_counter != nullptr;
  const char* configuration = find_variable("PYTHONMALLOC");
  header->has_pythonmalloc = configuration != nullptr;
  if (configuration != nullptr) copy_text(header->pythonmalloc, configuration);
}

PythonApi g_api;

// Takes the ring if nobody has it yet, and either way hides how we came here. At the first event: a
// program may be linked with Python and never start it (perf, say), but run another that does.
ring::Header* claim() noexcept {
  const char* path = find_variable(ring::kRingVariable);
  ring::Header* header = path == nullptr ? nullptr : map_ring(path);
  if (header == nullptr) return nullptr;
  remove_component("LD_PRELOAD", header->preload);
  remove_variable(ring::kRingVariable);
  std::uint32_t nobody = 0;
  if (!header->owner.compare_exchange_strong(nobody, static_cast<std::uint32_t>(getpid()))) {
    munmap(header, ring::kMappingBytes);
    return nullptr;
  }
  tell_facts(header, g_api);
  if (header->takes_checkpoints != 0) arm_checkpoints(g_api, header->checkpoint_every);
  pthread_atfork(nullptr, nullptr, stop_in_child);
  header->state.store(ring::State::hooked);
  return header;
}

void attach() noexcept {
  record_from_first_event(claim);
  install_hooks(g_api);
}

__attribute__((constructor)) void load() noexcept {
  if (find_variable(ring::kRingVariable) != nullptr && find_linked_python(g_api)) attach();
}

}  // namespace

void attach_late() noexcept {
  if (find_variable(ring::kRingVariable) != nullptr && find_loaded_python(g_api)) attach();
}

}  // namespace pymemlab::agent
