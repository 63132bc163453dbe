#include "tools/document_file.h"

#include <filesystem>
#include <span>
#include <system_error>

namespace pymemlab {

DocumentFile::DocumentFile(const std::string& path)
    : path_(path),
      beside_(path != "-" &&
              (std::filesystem::is_regular_file(path) || !std::filesystem::exists(path))),
      file_(File::open_to_write(beside_ ? part() : path)) {}

DocumentFile::~DocumentFile() {
  std::error_code already_gone;
  if (beside_) std::filesystem::remove(part(), already_gone);
}

void DocumentFile::write(std::string_view text) {
  file_.write(std::as_bytes(std::span(text)));
  file_.close();
  if (beside_) std::filesystem::rename(part(), path_);
}

}  // namespace pymemlab
