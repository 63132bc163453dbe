#include "tests/analyze/pinned_arenas.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

namespace pymemlab::testing {
namespace {

std::string scratch_path() {
  static int traces = 0;
  return ::testing::TempDir() + "/pinned-" + std::to_string(::getpid()) + "-" +
         std::to_string(++traces) + ".pmtrace";
}

}  // namespace

PinnedArenas::PinnedArenas(const Geometry& geometry, PinnedArenasOptions options)
    : path(scratch_path()) {
  TraceWriter writer = TraceWriter::create(
      path, {.source = options.is_recording ? "record" : "test"}, {.sites = options.sites});
  const SiteNumber start_up =
      writer.add_site({.line = 3, .file = "app.py", .function = "start_up"});
  const SiteNumber work = writer.add_site({.line = 20, .file = "app.py", .function = "work"});
  const SiteNumber remember =
      writer.add_site({.line = 12, .file = "app.py", .function = "remember"});
  const auto ask = [&](std::uint64_t bytes, SiteNumber site) {
    return writer.append(
        {.kind = EventKind::malloc, .domain = Domain::obj, .size = bytes, .site = site});
  };
  std::vector<Slot> kept;
  std::vector<Slot> passing;
  start_up_blocks = geometry.pools_per_arena() * geometry.pool_capacity(geometry.size_class(60));
  for (std::uint64_t k = 0; k < start_up_blocks; ++k) kept.push_back(ask(60, start_up));
  const std::uint64_t in_arena =
      geometry.pools_per_arena() * geometry.pool_capacity(geometry.size_class(500));
  first_named = writer.events();
  for (int arena = 0; arena < 100; ++arena) {
    for (std::uint64_t k = 0; k < in_arena; ++k) {
      const bool is_named = k == 0 || k == in_arena / 2;
      if (is_named) last_named = writer.events();
      (is_named ? kept : passing).push_back(ask(500, is_named ? remember : work));
    }
  }
  last_requested = writer.events() - 1;
  for (const Slot slot : passing) writer.free(Domain::obj, slot);
  last_event = writer.events() - 1;
  if (options.tears_down) {
    writer.mark("teardown");
    for (const Slot slot : kept) writer.free(Domain::obj, slot);
  }
  writer.finish();
}

PinnedArenas::~PinnedArenas() { std::filesystem::remove(path); }

}  // namespace pymemlab::testing
