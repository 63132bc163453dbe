// The worker as a shared object, for targets that are programs (python:PATH): preloaded into an
// interpreter, it takes the place of the interpreter's main. All that is linked into the program is
// there and set up, and nothing of it has run.
#include <dlfcn.h>

#include "core/measure/worker.h"

namespace {

using Main = int(int, char**, char**);

int worker_main(int, char**, char**) { return pymemlab::run_worker(); }

}  // namespace

// glibc: what a program's entry point calls, with its main.
extern "C" __attribute__((visibility("default"))) int __libc_start_main(
    Main* /*program's*/, int argc, char** argv, void (*initialise)(), void (*finish)(),
    void (*finish_loader)(), void* stack_end) {
  using Start = int(Main*, int, char**, void (*)(), void (*)(), void (*)(), void*);
  auto* const start = reinterpret_cast<Start*>(dlsym(RTLD_NEXT, "__libc_start_main"));
  return start(worker_main, argc, argv, initialise, finish, finish_loader, stack_end);
}
