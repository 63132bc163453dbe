#include "workloads/workload.h"

#include <array>
#include <string>

#include "core/base/input_error.h"
#include "workloads/generators.h"

namespace pymemlab {
namespace {

constexpr std::array kWorkloads = {
    Workload{.name = "random-noise",
             .stresses = "buffers of n doubles allocated, filled and freed around lists of floats "
                         "(Cython tutorial): mem beside obj, and sizes across the 512-byte limit",
             .generate = generate_random_noise},
    Workload{.name = "some-memory",
             .stresses = "owner objects whose buffer is resized by realloc and dies with them "
                         "(Cython tutorial's SomeMemory): realloc between size classes and raw",
             .generate = generate_some_memory},
    Workload{.name = "object-churn",
             .stresses = "small objects that die young among a few that stay: the free list of the "
                         "newest pool, the hot path of malloc and free",
             .generate = generate_object_churn},
    Workload{.name = "growing-dict",
             .stresses =
                 "dictionaries of lists that grow from empty and shrink: tables replaced by "
                 "ones of twice the size, from the smallest class far into raw",
             .generate = generate_growing_dict},
    Workload{.name = "phases",
             .stresses = "ramps, plateaus and drains of shifting sizes, one survivor in a hundred: "
                         "arenas pinned by a few blocks",
             .generate = generate_phases},
    Workload{.name = "batch-server",
             .stresses = "request-lifetime garbage of eight interleaved requests beside a slowly "
                         "changing cache: short and long lives in the same pools",
             .generate = generate_batch_server},
    Workload{.name = "size-class-sweep",
             .stresses =
                 "each block size from 8 to 512 bytes in turn, up and down: empty pools that "
                 "change their size class",
             .generate = generate_size_class_sweep},
    Workload{.name = "arena-boundary-thrash",
             .stresses =
                 "a live set that hovers where 256 KiB arenas are exactly full: CPython up to "
                 "3.8 maps and unmaps one each time, 3.9 keeps the last",
             .generate = generate_arena_boundary_thrash},
};

}  // namespace

std::span<const Workload> workloads() noexcept { return kWorkloads; }

const Workload& workload_named(std::string_view name) {
  std::string names;
  for (const Workload& row : kWorkloads) {
    if (row.name == name) return row;
    names.append(names.empty() ? "" : ", ").append(row.name);
  }
  throw InputError("there is no workload '{}'; the names are {}", name, names);
}

}  // namespace pymemlab
