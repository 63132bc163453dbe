// The check of an option that takes a number: says the same in the help and where it is broken.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>

namespace pymemlab {

// `description` says which: "1 to 10000". A sign or a unit is no part of a number here.
template <typename Number>
[[nodiscard]] CLI::Validator number_within(Number least, Number most,
                                           const std::string& description) {
  return CLI::Validator(
      [least, most, description](const std::string& text) {
        Number number{};
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, number);
        const bool good = error == std::errc() && stop == end && number >= least && number <= most;
        return good ? std::string() : fmt::format("{}: {} was wanted", text, description);
      },
      description);
}

[[nodiscard]] inline CLI::Validator number_from(std::uint64_t least) {
  return number_within(least, std::numeric_limits<std::uint64_t>::max(),
                       fmt::format("{} or more", least));
}

}  // namespace pymemlab
