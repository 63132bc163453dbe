// What the interpreter's memory says of itself.
#include <array>

#include "core/pymem/capi/interpreter.h"

using namespace pymemlab;
using capi::interpreter;

int PyMemLab_DebugMallocStats(FILE* out) {
  const std::string text = interpreter().memory().statistics_text();
  std::fwrite(text.data(), 1, text.size(), out);
  return text.empty() ? 0 : 1;
}

Py_ssize_t PyMemLab_GetAllocatedBlocks() { return interpreter().memory().allocated_blocks(); }

const char* const* PyMemLab_ProfileNames() {
  static const auto kNames = [] {
    constexpr std::size_t kMost = 64;
    std::array<const char*, kMost> names{};
    std::size_t count = 0;
    // The table's names are literals, so they end in a NUL.
    for (const Profile& profile : profiles()) names.at(count++) = profile.name.data();
    names.at(count) = nullptr;
    return names;
  }();
  return kNames.data();
}
