// Bad input of any kind. Thrown where the fault is found, caught by main alone, which prints the
// sentence and exits 2. The sentence names the place, what was found, what was wanted and, where it
// helps, what to do: "app.pmtrace: not a trace: the first 8 bytes are not the magic number".
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace pymemlab {

class InputError : public std::runtime_error {
 public:
  explicit InputError(const std::string& sentence) : std::runtime_error(sentence) {}

  template <typename... Args>
  explicit InputError(fmt::format_string<Args...> format,
                      Args&&... args) requires(sizeof...(Args) > 0)
      : std::runtime_error(fmt::format(format, std::forward<Args>(args)...)) {}
};

}  // namespace pymemlab
