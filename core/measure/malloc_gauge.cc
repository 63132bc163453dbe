#include "core/measure/malloc_gauge.h"

#include <malloc.h>

#include <array>
#include <cstddef>

#include "core/measure/malloc_symbols.h"

namespace pymemlab {
namespace {

using Mallctl = int(const char*, void*, std::size_t*, void*, std::size_t);

std::size_t jemalloc_figure(Mallctl* ask, const char* name) noexcept {
  std::size_t value = 0;
  std::size_t bytes = sizeof value;
  return ask(name, &value, &bytes, nullptr, 0) == 0 ? value : 0;
}

// jemalloc(3). 4096 is MALLCTL_ARENAS_ALL. Its `mapped` leaves out unused dirty and muzzy pages;
// its `allocated` counts the blocks in thread caches as live.
MallocReading jemalloc_reading() noexcept {
  static Mallctl* const ask = symbol<Mallctl>("mallctl");
  std::uint64_t epoch = 1;
  static_cast<void>(ask("epoch", nullptr, nullptr, &epoch, sizeof epoch));
  const std::uint64_t active = jemalloc_figure(ask, "stats.active");
  const std::uint64_t allocated = jemalloc_figure(ask, "stats.allocated");
  const std::uint64_t metadata = jemalloc_figure(ask, "stats.metadata");
  const std::uint64_t cached = jemalloc_figure(ask, "stats.arenas.4096.tcache_bytes");
  const std::uint64_t unused = (jemalloc_figure(ask, "stats.arenas.4096.pdirty") +
                                jemalloc_figure(ask, "stats.arenas.4096.pmuzzy")) *
                               jemalloc_figure(ask, "arenas.page");
  return {.mapped = active + unused + metadata,
          .metadata = metadata,
          .free = cached + (active - allocated) + unused,
          .allocated = allocated - cached};
}

// The calling thread's heap; segments' tables and lost ends stay unexplained.
MallocReading mimalloc_reading() noexcept {
  struct Area {
    void* blocks;
    std::size_t reserved;
    std::size_t committed;
    std::size_t used;  // blocks
    std::size_t block_size;
  };
  using Visit = bool(const void*, const Area*, void*, std::size_t, void*);
  static auto* const info =
      symbol<void(std::size_t*, std::size_t*, std::size_t*, std::size_t*, std::size_t*,
                  std::size_t*, std::size_t*, std::size_t*)>("mi_process_info");
  static auto* const heap = symbol<void*()>("mi_heap_get_default");
  static auto* const visit = symbol<bool(const void*, bool, Visit*, void*)>("mi_heap_visit_blocks");
  std::array<std::size_t, 8> figures{};
  info(&figures[0], &figures[1], &figures[2], &figures[3], &figures[4], &figures[5], &figures[6],
       &figures[7]);
  MallocReading reading{.mapped = figures[5]};
  Visit* const add = [](const void*, const Area* area, void*, std::size_t, void* context) {
    auto& sum = *static_cast<MallocReading*>(context);
    sum.allocated += area->used * area->block_size;
    sum.free += area->committed - area->used * area->block_size;
    return true;
  };
  static_cast<void>(visit(heap(), false, add, &reading));
  return reading;
}

// gperftools' malloc_extension.h. Its heap's size includes what it has given back; its tables are
// not in it.
MallocReading tcmalloc_reading() noexcept {
  static auto* const ask =
      symbol<int(const char*, std::size_t*)>("MallocExtension_GetNumericProperty");
  auto figure = [](const char* name) noexcept {
    std::size_t value = 0;
    return ask(name, &value) != 0 ? std::uint64_t{value} : 0;
  };
  MallocReading reading{
      .mapped = figure("generic.heap_size") - figure("tcmalloc.pageheap_unmapped_bytes"),
      .allocated = figure("generic.current_allocated_bytes")};
  for (const char* name :
       {"tcmalloc.pageheap_free_bytes", "tcmalloc.central_cache_free_bytes",
        "tcmalloc.transfer_cache_free_bytes", "tcmalloc.thread_cache_free_bytes"})
    reading.free += figure(name);
  return reading;
}

// scudo's own mallinfo2: hblkhd is mapped, fordblks free, uordblks allocated.
MallocReading scudo_reading() noexcept {
  const struct mallinfo2 info = ::mallinfo2();
  return {.mapped = info.hblkhd, .free = info.fordblks, .allocated = info.uordblks};
}

struct Row {
  const char* own_symbol;
  MallocReading (*read)() noexcept;
};
constexpr std::array kRows = {Row{kJemallocsOwn, jemalloc_reading},
                              Row{kMimallocsOwn, mimalloc_reading},
                              Row{kTcmallocsOwn, tcmalloc_reading}, Row{kScudosOwn, scudo_reading}};

}  // namespace

MallocGauge MallocGauge::of_this_process() noexcept {
  MallocGauge gauge;
  for (const Row& row : kRows) {
    if (symbol<void()>(row.own_symbol) != nullptr) gauge.read_ = row.read;
  }
  return gauge;
}

}  // namespace pymemlab
