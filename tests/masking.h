// Takes out of a text what differs from run to run. (g++ 12 takes std::regex for a user of
// uninitialised memory when it compiles for the sanitizers.)
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pymemlab {

// `before` and the run of at least `least` characters behind it that belong become `with`,
// wherever they are.
inline std::string masked_runs(const std::string& text, std::string_view before,
                               bool (*belongs)(char c), std::size_t least, std::string_view with) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    if (text.compare(at, before.size(), before) == 0) {
      end = at + before.size();
      while (end < text.size() && belongs(text[end])) ++end;
    }
    if (end >= at + before.size() + least) {
      result += with;
      at = end;
    } else {
      result += text[at++];
    }
  }
  return result;
}

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }
inline std::string masked_addresses(const std::string& text) {
  return masked_runs(text, "0x", is_hex_digit, 6, "ADDRESS");
}

}  // namespace pymemlab
