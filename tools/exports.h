// --export FORMAT=FILE: a results document in formats of other tools.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/report/export.h"
#include "tools/document_file.h"

namespace pymemlab {

void declare_exports(CLI::App& app, std::vector<std::string>& exports);

class Exports {
 public:
  // Of "FORMAT=FILE" or "FORMAT", which is standard output; opens all. `outputs`, `inputs`: what
  // the command writes and reads besides. Throws InputError.
  Exports(const std::vector<std::string>& exports, std::vector<std::string> outputs,
          const std::vector<std::string>& inputs);
  // Throws InputError.
  void write(const nlohmann::ordered_json& results) const;

 private:
  struct Export {
    const ExportFormat* format;
    std::unique_ptr<DocumentFile> file;
  };
  std::vector<Export> exports_;
};

}  // namespace pymemlab
