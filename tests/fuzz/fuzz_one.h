// What is tried on every reader of a format: any bytes, as a file, are read or refused.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace pymemlab::testing {

// Reads `bytes` as a file in the format to its end. Returns whether it was accepted; an InputError
// is a refusal, and anything else a fault. Our own format's checksums are put right first, so that
// what they protect is tried too.
bool fuzz_one(std::string_view format, std::span<const std::uint8_t> bytes);

}  // namespace pymemlab::testing
