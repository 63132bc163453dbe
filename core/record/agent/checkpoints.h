// Checkpoints: the recorded interpreter's own statistics, in its own words, at moments at which its
// allocator's state is consistent: when pymalloc asks for an arena, and at the interpreter's end.
//
// CPython prints them only if it finds pymalloc in the obj domain's record, so what our hook stands
// in front of is put back while it prints. Nobody can call the domain meanwhile: we hold the GIL.
#pragma once

#include <cstdint>

#include "core/record/agent/python_api.h"

namespace pymemlab::agent {

// From here on checkpoints are taken: at the end, and at every `every`th arena request (0: none).
void arm_checkpoints(const PythonApi& api, std::uint32_t every) noexcept;
// The arena hook was called, by pymalloc (`nested`) or by the interpreter itself.
void before_arena_request(bool nested) noexcept;

}  // namespace pymemlab::agent
