// write_pinned_arenas FILE: the trace of tests/analyze/pinned_arenas.h, for arenas of CPython 3.13.
#include <cstdio>
#include <filesystem>

#include "tests/analyze/pinned_arenas.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const pymemlab::testing::PinnedArenas trace(pymemlab::profile_named("3.13").geometry);
  std::filesystem::copy_file(trace.path, argv[1]);
  return 0;
}
