#include "core/record/agent_file.h"

#include <array>
#include <filesystem>

#include "core/base/input_error.h"
#include "core/os/process.h"

namespace pymemlab {
namespace {

constexpr const char* kAgentName = "libpymemlab-agent.so";

}  // namespace

std::string find_agent() {
  const std::filesystem::path here = std::filesystem::path(running_program()).parent_path();
  const std::array places = {here, here.parent_path() / PYMEMLAB_LIBDIR / "pymemlab",
                             here.parent_path() / "lib/pymemlab",
                             here.parent_path() / "lib64/pymemlab"};
  for (const std::filesystem::path& place : places) {
    std::error_code unreadable;
    if (!std::filesystem::is_regular_file(place / kAgentName, unreadable)) continue;
    return (place / kAgentName).string();
  }
  throw InputError("{} is neither in {} nor in {}; build or install it together with pymemlab",
                   kAgentName, places[0].string(), places[1].string());
}

}  // namespace pymemlab
