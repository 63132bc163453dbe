// pymemlab replay: traces through the configurations, measured, as one results document.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "core/base/input_error.h"
#include "core/measure/runner.h"
#include "core/os/file.h"
#include "core/os/machine.h"
#include "core/os/process.h"
#include "core/pymem/configuration.h"
#include "core/pymem/profile.h"
#include "core/replay/recorded_geometry.h"
#include "core/report/results.h"
#include "core/trace/approximate.h"
#include "core/trace/trace_reader.h"
#include "tools/build_info.h"
#include "tools/shipped_traces.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

// The version whose behaviour is modelled when a trace does not say which Python it came from.
constexpr const char* kDefaultProfile = "3.13";

struct ReplayOptions {
  std::vector<std::string> traces;
  std::vector<std::string> configurations = {"pymalloc", "pymalloc_debug", "malloc",
                                             "malloc_debug"};
  std::string profile;  // empty: the recorded Python's
  std::string build = "release";
  std::string
      arena_residue;  // empty: recorded where the trace has arenas of that size, else random
  std::string touch = "first";
  std::uint64_t rounds = 7;
  std::uint64_t seed = 1;
  std::uint64_t samples = 2000;
  std::string output = "results.json";
  bool allow_debug_build = false;
};

Touch touch_called(const std::string& name) {
  if (name == "none") return Touch::none;
  return name == "all" ? Touch::all : Touch::first;
}

ArenaResidue residue_for(const ReplayOptions& options, const MeasuredTrace& trace,
                         const Geometry& geometry) {
  const bool recorded = trace.arenas_of(geometry.arena_bytes) != 0;
  if (options.arena_residue.empty()) {
    if (recorded) return {.policy = ArenaResidue::Policy::recorded};
    return {.policy = ArenaResidue::Policy::random, .seed = options.seed};
  }
  const ArenaResidue residue = ArenaResidue::parse(options.arena_residue);
  if (residue.policy == ArenaResidue::Policy::recorded && !recorded) {
    throw InputError(
        "{}: has no recorded arenas of {} bytes: use --arena-residue aligned or random:SEED",
        trace.path, geometry.arena_bytes);
  }
  return residue;
}

std::vector<Cell> cells_of(const ReplayOptions& options, const std::vector<MeasuredTrace>& traces) {
  const Build build = build_named(options.build);
  std::vector<Cell> cells;
  for (std::size_t t = 0; t < traces.size(); ++t) {
    const std::optional<PythonFacts>& python = traces[t].metadata.python;
    const bool named = !options.profile.empty();
    const Profile& profile = named    ? profile_named(options.profile)
                             : python ? profile_of_version(python->version)
                                      : profile_named(kDefaultProfile);
    const Geometry geometry = named ? profile.geometry : recorded_geometry(profile, python);
    for (const std::string& name : options.configurations) {
      cells.push_back({.trace = t,
                       .configuration = std::string(configuration_for(name, profile, build).name),
                       .build = std::string(::pymemlab::name(build)),
                       .profile = std::string(profile.name),
                       .geometry = geometry,
                       .residue = residue_for(options, traces[t], geometry),
                       .touch = touch_called(options.touch)});
    }
  }
  return cells;
}

nlohmann::ordered_json summary_of(const MeasuredTrace& trace) {
  const ReplayPlan& plan = trace.plan;
  nlohmann::ordered_json json = {{"events", plan.events},
                                 {"allocated_bytes", plan.clock_bytes},
                                 {"peak_live_bytes", plan.peak_live_bytes},
                                 {"peak_live_blocks", plan.peak_live_blocks},
                                 {"slots", plan.slots},
                                 {"source", trace.metadata.source},
                                 {"python", nullptr},
                                 {"pythonmalloc", nullptr},
                                 {"damage", nullptr},
                                 {"approximate", nullptr}};
  if (const auto why = approximation(trace.metadata)) json["approximate"] = *why;
  if (trace.metadata.python) json["python"] = trace.metadata.python->version;
  if (trace.metadata.pythonmalloc) json["pythonmalloc"] = *trace.metadata.pythonmalloc;
  if (trace.damage) json["damage"] = *trace.damage;
  return json;
}

void show_progress(std::uint64_t done, std::uint64_t total) {
  if (::isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\rpymemlab replay: {} of {} rounds{}", done, total,
             done == total ? "\n" : "");
}

// Opened before the measuring begins, so that a place which cannot be written to is known at once;
// a document that cannot be written whole replaces nothing.
class DocumentFile {
 public:
  explicit DocumentFile(const std::string& path)
      : path_(path),
        beside_(path != "-" &&
                (std::filesystem::is_regular_file(path) || !std::filesystem::exists(path))),
        file_(File::open_to_write(beside_ ? part() : path)) {}
  DocumentFile(const DocumentFile&) = delete;
  DocumentFile& operator=(const DocumentFile&) = delete;
  ~DocumentFile() {
    std::error_code already_gone;
    if (beside_) std::filesystem::remove(part(), already_gone);
  }

  void write(const nlohmann::ordered_json& document) {
    const std::string text = document.dump(1) + "\n";
    file_.write(std::as_bytes(std::span(text)));
    file_.close();
    if (beside_) std::filesystem::rename(part(), path_);
  }

 private:
  [[nodiscard]] std::string part() const { return path_ + ".part"; }
  std::string path_;
  bool beside_;
  File file_;
};

int run_replay(const ReplayOptions& options) {
  if (!kOptimisedBuild && !options.allow_debug_build) {
    throw InputError(
        "this is a debug build, whose times mean nothing: build the release preset, or say "
        "--allow-debug-build");
  }
  DocumentFile output(options.output);
  std::vector<std::string> paths = options.traces;
  if (paths.empty()) paths = shipped_traces();
  std::vector<MeasuredTrace> traces;
  std::vector<nlohmann::ordered_json> summaries;
  for (const std::string& path : paths) {
    traces.push_back(survey_trace(path));
    summaries.push_back(summary_of(traces.back()));
    if (traces.back().damage) fmt::print(stderr, "pymemlab: warning: {}\n", *traces.back().damage);
    if (const auto why = approximation(traces.back().metadata))
      fmt::print(stderr, "pymemlab: warning: {}: {}\n", path, *why);
  }
  RunContext context{.machine = describe_machine(),
                     .version = kVersion,
                     .revision = kRevision,
                     .compiler = kCompiler,
                     .build_type = kBuildType,
                     .started = utc_now(),
                     .command = command_line(),
                     .seed = options.seed};
  RunOptions run{.worker_program = {},
                 .rounds = options.rounds,
                 .seed = options.seed,
                 .samples = options.samples,
                 .footprint = true,
                 .progress = show_progress};
  const std::vector<Measurement> measurements = run_cells(traces, cells_of(options, traces), run);
  output.write(results_document(context, traces, summaries, measurements));
  if (options.output != "-") {
    fmt::print(stderr, "pymemlab: {} cells written to {}; `pymemlab compare {}` shows them\n",
               measurements.size(), options.output, options.output);
  }
  return kDone;
}

}  // namespace

std::function<int()> declare_replay(CLI::App& app) {
  auto options = std::make_shared<ReplayOptions>();
  app.add_option("TRACE", options->traces,
                 "Traces to replay (default: the traces that come with pymemlab)");
  app.add_option("-c,--configuration", options->configurations,
                 "PYTHONMALLOC configurations, separated by commas (default: all four)")
      ->delimiter(',')
      ->type_name("CONFIG,...");
  app.add_option("--profile", options->profile,
                 "CPython version to model (default: the recorded one)")
      ->type_name("VERSION");
  app.add_option("--build", options->build,
                 "How that CPython was built, which decides what default and debug mean:\n"
                 "release, debug, release-without-pymalloc or debug-without-pymalloc")
      ->capture_default_str();
  app.add_option("--rounds", options->rounds, "Timed rounds of each cell, each in a fresh process")
      ->check(CLI::Range(1, 10000).description("1 to 10000"))
      ->capture_default_str();
  app.add_option("--seed", options->seed,
                 "Decides the order of the cells in a round, and random arenas")
      ->capture_default_str();
  app.add_option("--touch", options->touch,
                 "What is written to each new block: none, first (byte) or all")
      ->check(CLI::IsMember({"none", "first", "all"}))
      ->capture_default_str();
  app.add_option(
      "--arena-residue", options->arena_residue,
      "Where arenas start within their alignment: recorded, aligned or random:SEED\n"
      "(default: recorded if the trace has arenas of that size, else random with --seed)");
  app.add_option("--samples", options->samples,
                 "Samples of the footprint over the allocation clock; 0: after every event")
      ->check(CLI::Range(0, 1000000).description("0 to 1000000"))
      ->capture_default_str();
  app.add_option("-o,--output", options->output, "Results document to write; - is standard output")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_flag("--allow-debug-build", options->allow_debug_build,
               "Measure although this build is not optimised");
  return [options] { return run_replay(*options); };
}

}  // namespace pymemlab
