// A folder for files that only this run needs.
#pragma once

#include <string>

namespace pymemlab {

class TemporaryFolder {
 public:
  // A new folder that goes with this object, or `kept`, made if it is not there, which stays.
  // Throws InputError when it cannot be made.
  explicit TemporaryFolder(const std::string& kept = {});
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  bool is_kept_;
};

}  // namespace pymemlab
