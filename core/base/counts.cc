#include "core/base/counts.h"

#include <fmt/format.h>

namespace pymemlab {
namespace {

std::string_view ending(std::uint64_t number) { return number == 1 ? "" : "s"; }

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, ending(number));
}

std::string counted_in_groups(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(number), noun, ending(number));
}

}  // namespace pymemlab
