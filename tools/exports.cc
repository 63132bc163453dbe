#include "tools/exports.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/input_error.h"
#include "core/report/damaged.h"

namespace pymemlab {
namespace {

std::string format_names() {
  std::string names;
  for (const ExportFormat& format : export_formats())
    names += fmt::format("{}{}", names.empty() ? "" : ", ", format.name);
  return names;
}

}  // namespace

void declare_exports(CLI::App& app, std::vector<std::string>& exports) {
  app.add_option("--export", exports,
                 fmt::format("Writes the results in the format of another tool as well, to FILE or "
                             "to standard\noutput: {}",
                             format_names()))
      ->type_name("FORMAT[=FILE]")
      ->allow_extra_args(false);
}

Exports::Exports(const std::vector<std::string>& exports, std::vector<std::string> outputs,
                 const std::vector<std::string>& inputs) {
  std::vector<std::pair<const ExportFormat*, std::string>> wanted;
  for (const std::string& text : exports) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const auto format = std::find_if(export_formats().begin(), export_formats().end(),
                                     [&](const ExportFormat& f) { return f.name == name; });
    if (format == export_formats().end() || equals + 1 == text.size())
      throw InputError("--export {}: FORMAT or FORMAT=FILE was wanted, with one of {}", text,
                       format_names());
    wanted.emplace_back(&*format, equals == text.npos ? "-" : text.substr(equals + 1));
    outputs.push_back(wanted.back().second);
  }
  refuse_same_places(outputs, inputs);
  for (const auto& [format, path] : wanted)
    exports_.push_back({.format = format, .file = std::make_unique<DocumentFile>(path)});
}

void Exports::write(const nlohmann::ordered_json& results) const {
  for (const Export& e : exports_) {
    e.file->write(unless_damaged(fmt::format("--export {}", e.format->name), "the document",
                                 [&] { return e.format->text(results); }));
  }
}

}  // namespace pymemlab
