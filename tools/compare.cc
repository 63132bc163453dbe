// pymemlab compare: the cells of a results document side by side.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "core/report/comparison.h"
#include "core/report/results.h"
#include "tools/subcommand.h"

namespace pymemlab {

std::function<int()> declare_compare(CLI::App& app) {
  auto path = std::make_shared<std::string>();
  app.add_option("RESULTS", *path, "Results document of `pymemlab replay`; - is standard input")
      ->required();
  return [path] {
    fmt::print("{}", comparison_table(read_results(*path), *path));
    return kDone;
  };
}

}  // namespace pymemlab
