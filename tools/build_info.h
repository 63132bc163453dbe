// What this program was built from and with.
#pragma once

#include <string>
#include <vector>

namespace pymemlab {

inline constexpr const char* kVersion = PYMEMLAB_VERSION;
extern const char* const kRevision;  // of the source, "" if it was built outside a repository
extern const char* const kCompiler;
extern const char* const kBuildType;

// Throws InputError if this is no optimised build, whose times mean something, unless `allowed`.
void refuse_debug_build(bool allowed);

// This process's arguments, the program's name first.
[[nodiscard]] std::vector<std::string> command_line();

}  // namespace pymemlab
