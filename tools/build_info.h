// What this program was built from and with.
#pragma once

#include <string>
#include <vector>

namespace pymemlab {

inline constexpr const char* kVersion = PYMEMLAB_VERSION;
extern const char* const kRevision;  // of the source, "" if it was built outside a repository
extern const char* const kCompiler;
extern const char* const kBuildType;
#ifdef NDEBUG
inline constexpr bool kOptimisedBuild = true;
#else
inline constexpr bool kOptimisedBuild = false;
#endif

// This process's arguments, the program's name first.
[[nodiscard]] std::vector<std::string> command_line();

}  // namespace pymemlab
