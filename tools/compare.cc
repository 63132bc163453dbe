// pymemlab compare: the cells of a results document side by side, or two documents cell by cell.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "core/base/input_error.h"
#include "core/report/comparison.h"
#include "core/report/detail_tables.h"
#include "core/report/results.h"
#include "core/report/tables.h"
#include "tools/exports.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

struct CompareOptions {
  std::vector<std::string> paths;
  std::string format = "text";
  std::optional<std::string> fail_if;
  std::vector<std::string> exports;
  std::string show = "cells";
};

constexpr const char* kLatency = "latency";
constexpr const char* kCosts = "costs";

struct Format {
  const char* name;
  std::string (*cells)(const Comparison& comparison);
  std::string (*latency)(const NamedDocument& document);
  std::string (*costs)(const NamedDocument& document);
};
constexpr std::array kFormats = {
    Format{"text", text_table,
           [](const NamedDocument& document) { return latency_tables(document, aligned); },
           [](const NamedDocument& document) { return costs_tables(document, aligned); }},
    Format{"markdown", markdown_table,
           [](const NamedDocument& document) { return latency_tables(document, piped); },
           [](const NamedDocument& document) { return costs_tables(document, piped); }},
    Format{"csv", csv_table, latency_csv, costs_csv},
    Format{"json", json_table,
           [](const NamedDocument& document) { return details_json(document, kLatency); },
           [](const NamedDocument& document) { return details_json(document, kCosts); }}};

const Format& format_called(const std::string& name) {
  return *std::find_if(kFormats.begin(), kFormats.end(),
                       [&](const Format& format) { return name == format.name; });
}

int run_compare(const CompareOptions& options) {
  if (options.fail_if && options.show != "cells")
    throw InputError("--fail-if judges cells, not what --show {} prints", options.show);
  if (options.fail_if && options.paths.size() < 2)
    throw InputError("--fail-if compares an earlier document with a later one: give both");
  if (!options.exports.empty() && options.paths.size() > 1)
    throw InputError("--export takes one results document: {} were given", options.paths.size());
  if (!options.exports.empty() && options.show != "cells")
    throw InputError("--export and --show {} are two things: ask for one", options.show);
  const std::optional<FailureRule> rule =
      options.fail_if ? std::optional<FailureRule>(*options.fail_if) : std::nullopt;
  std::vector<NamedDocument> documents;
  for (const std::string& path : options.paths)
    documents.push_back({.place = path, .document = read_results(path)});
  if (!options.exports.empty()) {
    Exports(options.exports, {}, options.paths).write(documents[0].document);
    return kDone;
  }
  const Format& format = format_called(options.format);
  if (options.show != "cells") {
    for (const NamedDocument& document : documents)
      fmt::print("{}", options.show == kCosts ? format.costs(document) : format.latency(document));
    return kDone;
  }
  std::vector<Comparison> comparisons;
  if (documents.size() == 1) comparisons.push_back(compare_cells(documents[0]));
  for (std::size_t i = 1; i < documents.size(); ++i)
    comparisons.push_back(compare_runs(documents[0], documents[i]));
  bool broken = false;
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    const Comparison& comparison = comparisons[i];
    if (rule && comparison.traces.empty())
      throw InputError(
          "--fail-if: {} and {} have no cell in common, so nothing can be judged; replay the same "
          "trace in the same settings",
          options.paths[0], options.paths[i + 1]);
    fmt::print("{}", format.cells(comparison));
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
  app.add_option("--show", options->show,
                 "cells: time and memory; latency: of single calls, by operation; costs: what the\n"
                 "model counts, the same on every machine. The last two of each document by itself")
      ->check(CLI::IsMember({"cells", kLatency, kCosts}))
      ->capture_default_str();
  app.add_option("--fail-if", options->fail_if,
                 "Changes that end with status 1, as in time>+3%,peak>+5%,resident>+10%; a change\n"
                 "of time must be statistically detectable as well")
      ->type_name("RULES");
  declare_exports(app, options->exports);
  return [options] { return run_compare(*options); };
}

}  // namespace pymemlab
