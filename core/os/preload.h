// A shared object of ours that is put into other programs, and what stands for it in LD_PRELOAD.
#pragma once

#include <optional>
#include <string>

#include "core/os/process.h"

namespace pymemlab {

class Preload {
 public:
  // Finds the shared object beside `program`, else where installing puts it. Throws InputError.
  explicit Preload(const std::string& file_name, const std::string& program = running_program());

  // What the dynamic loader opens. Valid as long as this object lives.
  [[nodiscard]] const std::string& component() const noexcept { return component_; }
  // The whole value: the user's own preloads come after it and are left alone.
  [[nodiscard]] std::string list() const;

 private:
  std::string component_;
  std::optional<MemoryFile> copy_;  // if the loader could not read the path
};

}  // namespace pymemlab
