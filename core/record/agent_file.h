// Where the agent is, and how LD_PRELOAD can name it.
#pragma once

#include <string>

namespace pymemlab {

// The shared object beside the running program, else where installing puts it. Throws InputError.
[[nodiscard]] std::string find_agent();

}  // namespace pymemlab
