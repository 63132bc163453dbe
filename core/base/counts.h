// Counts in the words of a sentence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pymemlab {

// "1,234,567"
[[nodiscard]] std::string grouped(std::uint64_t number);
// "1 block", "1234 blocks"
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view noun);
// "1 block", "1,234 blocks"
[[nodiscard]] std::string counted_in_groups(std::uint64_t number, std::string_view noun);

}  // namespace pymemlab
