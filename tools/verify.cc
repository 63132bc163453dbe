// pymemlab verify: holds the model against the CPython that a trace was recorded from.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "core/analyze/placement.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

struct VerifyOptions {
  std::vector<std::string> traces;
  std::string profile;
};

int run_verify(const VerifyOptions& options) {
  bool all_equal = true;
  for (const std::string& path : options.traces) {
    const PlacementReport report = compare_placements(path, options.profile);
    if (report.damage) fmt::print(stderr, "pymemlab: warning: {}\n", *report.damage);
    fmt::print(
        "{}: CPython {} {}: {} of {} placements equal, {} of {} arena requests and releases\n",
        path, report.python, report.configuration, report.equal, report.compared,
        report.arenas_equal, report.arenas_compared);
    if (report.not_compared > 0) {
      fmt::print("  {} events of other interpreters were not compared\n", report.not_compared);
    }
    if (const auto& difference = report.first_difference) {
      fmt::print("  first difference: event {}, {}: CPython placed it at {}, the model at {}\n",
                 difference->event, difference->request, difference->expected, difference->found);
    }
    if (report.compared == 0) fmt::print("  nothing was compared, which proves nothing\n");
    all_equal = all_equal && report.proves_equal();
  }
  return all_equal ? kDone : kAnswerIsNo;
}

}  // namespace

std::function<int()> declare_verify(CLI::App& app) {
  auto options = std::make_shared<VerifyOptions>();
  app.add_option("TRACE", options->traces,
                 "Traces recorded with addresses, as `pymemlab record` makes them")
      ->required();
  app.add_option("--profile", options->profile,
                 "Hold them against this version instead of the recorded one")
      ->type_name("VERSION");
  return [options] { return run_verify(*options); };
}

}  // namespace pymemlab
