#include "tools/build_info.h"

#include <fstream>

#include "revision.h"

namespace pymemlab {

const char* const kRevision = PYMEMLAB_REVISION;
const char* const kCompiler = PYMEMLAB_COMPILER;
const char* const kBuildType = PYMEMLAB_BUILD_TYPE;

std::vector<std::string> command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');) arguments.push_back(argument);
  return arguments;
}

}  // namespace pymemlab
