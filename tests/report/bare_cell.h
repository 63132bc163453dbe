// The beginning of a cell of a results document, for tests that add what they are about.
#pragma once

#include <nlohmann/json.hpp>

namespace pymemlab::testing {

inline nlohmann::ordered_json bare_cell(const char* configuration, std::uint64_t events) {
  return {{"trace", "t0"},
          {"target", "model"},
          {"target_version", nullptr},
          {"configuration", configuration},
          {"build", "release"},
          {"profile", "3.11"},
          {"system_malloc", "glibc"},
          {"arena_residue", "recorded"},
          {"touch", "first"},
          {"replayed", {{"events", events}, {"void", false}}}};
}

}  // namespace pymemlab::testing
