#include "tools/shipped_traces.h"

#include <algorithm>
#include <filesystem>

#include "core/base/input_error.h"
#include "core/os/process.h"

namespace pymemlab {

std::vector<std::string> shipped_traces() {
  const std::filesystem::path program = std::filesystem::path(running_program()).parent_path();
  for (const char* folder : {"../share/pymemlab/traces", "../../traces"}) {
    std::error_code missing;
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(program / folder, missing)) {
      if (entry.path().extension() == ".pmtrace")
        paths.push_back(entry.path().lexically_normal().string());
    }
    std::sort(paths.begin(), paths.end());
    if (!paths.empty()) return paths;
  }
  throw InputError(
      "no trace was named and none came with this program: name one, or record one with `pymemlab "
      "record`");
}

}  // namespace pymemlab
