#include "tools/build_info.h"

#include <fstream>

#include "core/base/input_error.h"
#include "revision.h"

namespace pymemlab {
namespace {

#ifdef NDEBUG
constexpr bool kOptimised = true;
#else
constexpr bool kOptimised = false;
#endif

}  // namespace

const char* const kRevision = PYMEMLAB_REVISION;
const char* const kCompiler = PYMEMLAB_COMPILER;
const char* const kBuildType = PYMEMLAB_BUILD_TYPE;

void refuse_debug_build(bool allowed) {
  if (kOptimised || allowed) return;
  throw InputError(
      "this is a debug build, whose times mean nothing: build the release preset, or say "
      "--allow-debug-build");
}

std::vector<std::string> command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');) arguments.push_back(argument);
  return arguments;
}

}  // namespace pymemlab
