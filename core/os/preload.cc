#include "core/os/preload.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "core/base/input_error.h"
#include "core/os/file.h"
#include "core/os/mapped_region.h"

namespace pymemlab {
namespace {

std::string find(const std::string& file_name, const std::string& program) {
  const std::filesystem::path here = std::filesystem::path(program).parent_path();
  const std::array places = {here, here.parent_path() / PYMEMLAB_LIBDIR / "pymemlab",
                             here.parent_path() / "lib/pymemlab",
                             here.parent_path() / "lib64/pymemlab"};
  for (const std::filesystem::path& place : places) {
    std::error_code unreadable;
    if (!std::filesystem::is_regular_file(place / file_name, unreadable)) continue;
    return (place / file_name).string();
  }
  throw InputError("{} is neither in {} nor in {}; build or install it together with pymemlab",
                   file_name, places[0].string(), places[1].string());
}

MemoryFile copy_of(const std::string& path) {
  File file = File::open_to_read(path);
  const std::size_t bytes = static_cast<std::size_t>(file.size().value_or(0));
  MemoryFile copy = MemoryFile::create("pymemlab-preload", bytes);
  const MappedRegion content = MappedRegion::shared(copy.descriptor(), bytes);
  file.read({content.data(), bytes});
  return copy;
}

}  // namespace

// Colons and spaces separate the entries of LD_PRELOAD, and nothing quotes them.
Preload::Preload(const std::string& file_name, const std::string& program)
    : component_(find(file_name, program)) {
  if (component_.find_first_of(": ") == std::string::npos) return;
  copy_ = copy_of(component_);
  component_ = fmt::format("/proc/{}/fd/{}", getpid(), copy_->descriptor());
}

std::string Preload::list() const {
  const char* before = std::getenv("LD_PRELOAD");
  return before == nullptr ? component_ : fmt::format("{}:{}", component_, before);
}

}  // namespace pymemlab
