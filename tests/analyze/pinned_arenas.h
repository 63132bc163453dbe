// A trace in which 200 blocks, asked for by one line, pin 100 arenas: one arena is filled with
// blocks of 60 bytes that stay; a hundred with blocks of 500 bytes, of which the first and the
// middle one of each arena are asked for by `remember` and all others by `work`; then those of
// `work` are freed.
#pragma once

#include <cstdint>
#include <string>

#include "core/measure/runner.h"
#include "core/pymem/profile.h"
#include "core/trace/trace_writer.h"

namespace pymemlab::testing {

struct PinnedArenasOptions {
  bool sites = true;
  bool tears_down = false;  // frees all after the mark "teardown", with gaps as wide
  bool is_recording = false;
};

struct PinnedArenas {
  // `geometry`: of the model that is going to be asked. Arenas aligned, so that they are as large
  // as they can be.
  explicit PinnedArenas(const Geometry& geometry, PinnedArenasOptions options = {});
  PinnedArenas(const PinnedArenas&) = delete;
  PinnedArenas& operator=(const PinnedArenas&) = delete;
  ~PinnedArenas();

  std::string path;
  std::uint64_t start_up_blocks = 0;
  std::uint64_t first_named = 0;  // events
  std::uint64_t last_named = 0;
  std::uint64_t last_requested = 0;
  std::uint64_t last_event = 0;  // before the teardown
};

}  // namespace pymemlab::testing
