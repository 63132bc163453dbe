// pymemlab compare: the cells of a results document side by side, or two documents cell by cell.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <optional>

#include "core/base/input_error.h"
#include "core/report/comparison.h"
#include "core/report/results.h"
#include "core/report/tables.h"
#include "tools/exports.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

struct CompareOptions {
  std::vector<std::string> paths;
  std::string format = "text";
  std::string fail_if;
  std::vector<std::string> exports;
};

struct Format {
  const char* name;
  std::string (*table)(const Comparison& comparison);
};
constexpr std::array kFormats = {Format{"text", text_table}, Format{"markdown", markdown_table},
                                 Format{"csv", csv_table}, Format{"json", json_table}};

int run_compare(const CompareOptions& options) {
  if (!options.fail_if.empty() && options.paths.size() < 2)
    throw InputError("--fail-if compares an earlier document with a later one: give both");
  if (!options.exports.empty() && options.paths.size() > 1)
    throw InputError("--export takes one results document: {} were given", options.paths.size());
  const std::optional<FailureRule> rule =
      options.fail_if.empty() ? std::nullopt : std::optional<FailureRule>(options.fail_if);
  std::vector<NamedDocument> documents;
  for (const std::string& path : options.paths)
    documents.push_back({.place = path, .document = read_results(path)});
  if (!options.exports.empty()) {
    Exports(options.exports).write(documents[0].document);
    return kDone;
  }
  std::vector<Comparison> comparisons;
  if (documents.size() == 1) comparisons.push_back(compare_cells(documents[0]));
  for (std::size_t i = 1; i < documents.size(); ++i)
    comparisons.push_back(compare_runs(documents[0], documents[i]));
  bool broken = false;
  for (const Comparison& comparison : comparisons) {
    for (const Format& format : kFormats) {
      if (options.format == format.name) fmt::print("{}", format.table(comparison));
    }
    if (!rule) continue;
    for (const std::string& sentence : rule->broken_by(comparison)) {
      fmt::print(stderr, "pymemlab: {}\n", sentence);
      broken = true;
    }
  }
  return broken ? kAnswerIsNo : kDone;
}

}  // namespace

std::function<int()> declare_compare(CLI::App& app) {
  auto options = std::make_shared<CompareOptions>();
  app.add_option("RESULTS", options->paths,
                 "Results documents of `pymemlab replay`; - is standard input. One: its cells are\n"
                 "compared with each trace's first. More: those of each later with the first's")
      ->required();
  app.add_option("--format", options->format, "text, markdown, csv or json")
      ->check(CLI::IsMember({"text", "markdown", "csv", "json"}))
      ->capture_default_str();
  app.add_option("--fail-if", options->fail_if,
                 "Changes that end with status 1, as in time>+3%,peak>+5%,resident>+10%; a change\n"
                 "of time must be statistically detectable as well")
      ->type_name("RULES");
  declare_exports(app, options->exports);
  return [options] { return run_compare(*options); };
}

}  // namespace pymemlab
