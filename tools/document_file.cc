#include "tools/document_file.h"

#include <filesystem>
#include <span>
#include <system_error>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

bool same_place(const std::string& one, const std::string& other) {
  std::error_code absent;
  return one == other ||
         std::filesystem::absolute(one, absent).lexically_normal() ==
             std::filesystem::absolute(other, absent).lexically_normal() ||
         std::filesystem::equivalent(one, other, absent);
}

}  // namespace

void refuse_same_places(const std::vector<std::string>& outputs,
                        const std::vector<std::string>& inputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].empty()) throw InputError("the name of an output is empty");
    for (std::size_t j = 0; j < i; ++j) {
      if (same_place(outputs[i], outputs[j]))
        throw InputError("{}: two outputs would be written there: name two places",
                         outputs[i] == "-" ? "standard output" : outputs[i]);
    }
    for (const std::string& input : inputs) {
      if (outputs[i] != "-" && same_place(outputs[i], input))
        throw InputError("{}: is read; what is written there would replace it: name another place",
                         outputs[i]);
    }
  }
}

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
