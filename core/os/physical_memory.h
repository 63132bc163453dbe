// How much memory the machine has.
#pragma once

#include <cstdint>

namespace pymemlab {

// 0 if the kernel does not tell.
[[nodiscard]] std::uint64_t physical_memory_bytes() noexcept;

}  // namespace pymemlab
