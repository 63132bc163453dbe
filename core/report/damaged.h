// Documents that were read but are not shaped as their schema says.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/base/input_error.h"

namespace pymemlab {

// What `read` returns. If the document has not what it looks for, an InputError that names the
// place. `noun`: "the results document".
template <typename Read>
auto unless_damaged(const std::string& place, std::string_view noun, Read read) {
  try {
    return read();
  } catch (const nlohmann::json::exception& error) {
    std::string_view fault = error.what();  // "[json.exception.out_of_range.403] key 'x' not found"
    fault.remove_prefix(fault.find(']') + 1);
    throw InputError("{}: {} is damaged:{}", place, noun, fault);
  }
}

}  // namespace pymemlab
