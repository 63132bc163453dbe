// pymemlab synth NAME: writes the trace of a synthetic workload.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "core/base/input_error.h"
#include "core/trace/trace_writer.h"
#include "tools/number_within.h"
#include "tools/subcommand.h"
#include "workloads/workload.h"

namespace pymemlab {
namespace {

constexpr std::uint64_t kMostEvents = 1'000'000'000'000;

struct SynthOptions {
  std::string name;
  bool list = false;
  WorkloadParameters parameters;
  std::string output = "-";
};

std::string workload_list() {
  std::string text;
  for (const Workload& row : workloads())
    text += fmt::format("{:<22} {}\n", row.name, row.stresses);
  return text;
}

int run_synth(const SynthOptions& options) {
  if (options.list) {
    fmt::print("{}", workload_list());
    return kDone;
  }
  if (options.name.empty()) {
    throw InputError("synth: wanted the name of a workload; 'pymemlab synth --list' shows them");
  }
  const Workload& workload = workload_named(options.name);
  if (options.output == "-" && ::isatty(STDOUT_FILENO) != 0) {
    throw InputError(
        "synth: a trace is binary and standard output is a terminal; name a file with -o");
  }
  TraceMetadata metadata;
  metadata.source = fmt::format("synth {}", workload.name);
  metadata.command = {"pymemlab",
                      "synth",
                      std::string(workload.name),
                      "--events",
                      std::to_string(options.parameters.events),
                      "--seed",
                      std::to_string(options.parameters.seed)};
  TraceWriter trace = TraceWriter::create(options.output, std::move(metadata));
  workload.generate(options.parameters, trace);
  trace.finish();
  return kDone;
}

}  // namespace

std::function<int()> declare_synth(CLI::App& app) {
  const auto options = std::make_shared<SynthOptions>();
  app.add_option("NAME", options->name, "the workload");
  app.add_flag("--list", options->list, "print every workload and what it stresses");
  app.add_option("--events", options->parameters.events,
                 "about how many events: the generator stops at the first whole step after")
      ->check(number_within(std::uint64_t{0}, kMostEvents, "0 to 10^12"))
      ->capture_default_str();
  app.add_option("--seed", options->parameters.seed, "equal seeds give equal traces")
      ->check(number_from(0))
      ->capture_default_str();
  app.add_option("-o,--output", options->output, "the trace file; '-' is standard output")
      ->capture_default_str();
  app.footer("Workloads, and what each stresses:\n" + workload_list());
  return [options] { return run_synth(*options); };
}

}  // namespace pymemlab
