// pymemlab report: a results document, and the advice on the same program, as one HTML page.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "core/report/page.h"
#include "core/report/results.h"
#include "tools/document_file.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

struct ReportOptions {
  std::string results;
  std::optional<std::string> advice;
  std::string output = "report.html";
};

int run_report(const ReportOptions& options) {
  refuse_same_places({options.output}, {options.results, options.advice.value_or("-")});
  const NamedDocument results{.place = options.results, .document = read_results(options.results)};
  std::optional<NamedDocument> advice;
  if (options.advice) advice = read_advice(*options.advice);
  DocumentFile output(options.output);
  output.write(report_page(results, advice ? &*advice : nullptr));
  if (options.output != "-")
    fmt::print(stderr, "pymemlab: {}: open it in a browser; it needs no other file\n",
               options.output);
  return kDone;
}

}  // namespace

std::function<int()> declare_report(CLI::App& app) {
  auto options = std::make_shared<ReportOptions>();
  app.add_option("RESULTS", options->results,
                 "Results document of `pymemlab replay`; - is standard input")
      ->required();
  app.add_option("--advice", options->advice,
                 "What `pymemlab advise --format json` said of the same program: the page then\n"
                 "begins with that verdict and names what keeps arenas mapped")
      ->type_name("FILE");
  app.add_option("-o,--output", options->output, "Page to write; - is standard output")
      ->type_name("FILE")
      ->capture_default_str();
  return [options] { return run_report(*options); };
}

}  // namespace pymemlab
