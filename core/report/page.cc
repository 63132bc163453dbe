#include "core/report/page.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "core/report/damaged.h"
#include "core/report/page_files.h"
#include "core/report/results.h"
#include "core/report/summary.h"
#include "core/report/tables.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

std::string compact(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The page reads an element's JSON when it shows it, so what is large has elements of its own.
void add_data(std::string& page, const std::string& id, const std::string& json) {
  page += fmt::format("<script type=\"application/json\" id=\"{}\">", id);
  page += script_safe(json);
  page += "</script>\n";
}

// What is large in a cell, and the element it goes to: cell-INDEX-NAME.
struct LargePart {
  const char* element;
  const char* owner;  // "": the cell itself
  const char* key;
};
constexpr std::array kLargeParts = {LargePart{"series", "memory", "series"},
                                    LargePart{"arena-map", "", "arena_map"}};

void add_cells(std::string& page, Json& document) {
  Json& cells = document.at("cells");
  for (std::size_t i = 0; i < cells.size(); ++i) {
    for (const LargePart& part : kLargeParts) {
      Json& owner = part.owner[0] == '\0' ? cells[i] : cells[i].at(part.owner);
      if (!owner.is_object() || !owner.contains(part.key)) continue;
      add_data(page, fmt::format("cell-{}-{}", i, part.element), compact(owner.at(part.key)));
      owner.erase(part.key);
    }
  }
}

std::string data_of(const NamedDocument& results, const NamedDocument* advice) {
  const Comparison comparison = compare_cells(results);
  Json summaries = Json::array();
  for (const ComparedTrace& trace : comparison.traces) summaries.push_back(summary_of(trace));
  Json document = results.document;
  std::string data;
  add_cells(data, document);
  add_data(data, "results", compact(document));
  add_data(data, "comparison", json_table(comparison));
  add_data(data, "summary", compact(summaries));
  if (advice != nullptr) add_data(data, "advice", compact(advice->document));
  return data;
}

// What stands at {{name}} in the template.
struct Filling {
  std::string_view name;
  std::string_view text;
};

std::string filled(std::string_view page, std::span<const Filling> fillings) {
  std::string text;
  while (true) {
    const std::size_t begin = page.find("{{");
    const std::size_t end = page.find("}}", begin);
    text += page.substr(0, begin);
    if (begin == page.npos || end == page.npos) return text;
    const std::string_view name = page.substr(begin + 2, end - begin - 2);
    for (const Filling& filling : fillings) {
      if (filling.name == name) text += filling.text;
    }
    page.remove_prefix(end + 2);
  }
}

}  // namespace

std::string script_safe(std::string json) {
  std::string safe;
  safe.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string report_page(const NamedDocument& results, const NamedDocument* advice) {
  const std::string data = data_of(results, advice);
  const std::array fillings = {Filling{"style", kPageStyle}, Filling{"echarts", kEchartsScript},
                               Filling{"data", data}, Filling{"script", kPageScript}};
  return filled(kPageHtml, fillings);
}

NamedDocument read_advice(const std::string& path) {
  NamedDocument advice{
      .place = path,
      .document = read_document(
          path, {.schema = "pymemlab.advice", .version = 1, .noun = "an advice document"})};
  unless_damaged(path, "the advice document", [&] {
    for (const Json& sentence : advice.document.at("sentences")) {
      static_cast<void>(sentence.at("topic").get<std::string>());
      static_cast<void>(sentence.at("text").get<std::string>());
    }
    for (const Json& line : advice.document.at("environment"))
      static_cast<void>(line.get<std::string>());
  });
  return advice;
}

}  // namespace pymemlab
