#include "tools/temporary_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/base/input_error.h"

namespace pymemlab {

TemporaryFolder::TemporaryFolder(const std::string& kept) : path_(kept), is_kept_(!kept.empty()) {
  std::error_code error;
  if (is_kept_) {
    std::filesystem::create_directories(path_, error);
    if (error) throw InputError("{}: cannot be made: {}", path_, error.message());
    return;
  }
  path_ = std::filesystem::temp_directory_path(error).string() + "/pymemlab-XXXXXX";
  if (error || ::mkdtemp(path_.data()) == nullptr) {
    throw InputError("{}: no temporary folder: {}", path_, std::strerror(errno));
  }
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!is_kept_) std::filesystem::remove_all(path_, ignored);
}

}  // namespace pymemlab
