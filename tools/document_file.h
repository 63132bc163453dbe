// A file that a command writes when all is done.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/os/file.h"

namespace pymemlab {

// Throws InputError if an output is named twice, or has no name, or is an input: writing it would
// lose what the other was for.
void refuse_same_places(const std::vector<std::string>& outputs,
                        const std::vector<std::string>& inputs);

// Opened before the work begins, so that a place which cannot be written to is known at once. What
// cannot be written whole replaces nothing. "-" is standard output.
class DocumentFile {
 public:
  // Throws InputError.
  explicit DocumentFile(const std::string& path);
  DocumentFile(const DocumentFile&) = delete;
  DocumentFile& operator=(const DocumentFile&) = delete;
  ~DocumentFile();

  // Once. Throws InputError.
  void write(std::string_view text);

 private:
  [[nodiscard]] std::string part() const { return path_ + ".part"; }
  std::string path_;
  bool beside_;  // written beside the file first
  File file_;
};

}  // namespace pymemlab
