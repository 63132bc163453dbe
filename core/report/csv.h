// Fields of comma-separated values, RFC 4180.
#pragma once

#include <string>
#include <string_view>

namespace pymemlab {

// Quoted where it has to be.
[[nodiscard]] std::string csv_field(std::string_view text);

}  // namespace pymemlab
