// pymemlab replay: traces through the configurations, measured, as one results document.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>

#include "core/base/counts.h"
#include "core/base/input_error.h"
#include "core/measure/runner.h"
#include "core/os/file.h"
#include "core/os/machine.h"
#include "core/os/usage.h"
#include "core/report/interval.h"
#include "core/report/results.h"
#include "core/report/time_json.h"
#include "tools/build_info.h"
#include "tools/document_file.h"
#include "tools/exports.h"
#include "tools/number_within.h"
#include "tools/replay_cells.h"
#include "tools/shipped_traces.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

constexpr const char* kAuto = "auto";
constexpr const char* kLastCpu = "last";
constexpr const char* kNoCpu = "none";

struct ReplayOptions {
  std::vector<std::string> traces;
  CellAxes axes = {.configurations = {"pymalloc", "pymalloc_debug", "malloc", "malloc_debug"}};
  std::string touch = "first";
  std::string rounds = "7";           // a number, or kAuto
  std::optional<std::string> budget;  // "10m"
  bool list = false;
  std::uint64_t samples = 2000;
  bool latency = false;
  std::uint64_t arena_map_moments = 0;
  std::uint64_t warm = 0;
  std::string cpu = kLastCpu;  // a number, kLastCpu or kNoCpu
  std::string output = "results.json";
  std::vector<std::string> exports;
  bool allow_debug_build = false;
};

Touch touch_called(const std::string& name) {
  if (name == "none") return Touch::none;
  return name == "all" ? Touch::all : Touch::first;
}

void show_progress(std::uint64_t done, std::uint64_t total) {
  if (::isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\rpymemlab replay: {} of {} rounds{}", done, total,
             done == total ? "\n" : "");
}

// "90s", "10m", "1h", "2.5m"; a number alone is seconds. In nanoseconds.
std::uint64_t duration(const std::string& text) {
  constexpr std::array kUnits = {std::pair{'s', 1.0}, std::pair{'m', 60.0}, std::pair{'h', 3600.0}};
  char* end = nullptr;
  double seconds = std::strtod(text.c_str(), &end);
  const std::string_view unit(end);
  bool known = unit.empty() && end != text.c_str();
  for (const auto& [letter, factor] : kUnits) {
    if (unit.size() != 1 || unit[0] != letter) continue;
    seconds *= factor;
    known = end != text.c_str();
  }
  if (!known || !(seconds > 0) || seconds > 1e9)
    throw InputError("--budget {}: a time such as 90s, 10m or 1h was wanted", text);
  return static_cast<std::uint64_t>(seconds * 1e9);
}

// --rounds auto: until the median is known to within this share, between these numbers of rounds.
constexpr double kPrecision = 0.01;
constexpr std::uint64_t kFewestRounds = 10;
constexpr std::uint64_t kMostRounds = 100;

bool is_precise(const std::vector<TimeRound>& rounds) {
  if (rounds.size() < kFewestRounds) return false;
  const MedianInterval interval = *median_interval(times_of(rounds));
  return interval.high - interval.low <= 2 * kPrecision * median(times_of(rounds));
}

// The processor that timed workers are bound to; nothing if to none.
std::optional<unsigned> cpu_called(const std::string& text) {
  if (text == kNoCpu) return std::nullopt;
  const std::vector<unsigned> allowed = allowed_cpus();
  if (text == kLastCpu)
    return allowed.empty() ? std::nullopt : std::optional<unsigned>(allowed.back());
  for (const unsigned cpu : allowed) {
    if (text == std::to_string(cpu)) return cpu;
  }
  throw InputError(
      "--cpu {}: this process may run on {}; one of those, \"{}\" or \"{}\" was wanted", text,
      fmt::join(allowed, ", "), kLastCpu, kNoCpu);
}

RunOptions run_options(const ReplayOptions& options) {
  RunOptions run{.worker_program = {},
                 .rounds = kMostRounds,
                 .suffices = is_precise,
                 .seed = options.axes.seed,
                 .samples = options.samples,
                 .footprint = true,
                 .latency = options.latency,
                 .arena_map_moments = options.arena_map_moments,
                 .warm = options.warm,
                 .cpu = cpu_called(options.cpu),
                 .progress = show_progress};
  if (options.rounds != kAuto) {
    const auto parsed = std::from_chars(options.rounds.data(),
                                        options.rounds.data() + options.rounds.size(), run.rounds);
    if (parsed.ec != std::errc() || parsed.ptr != options.rounds.data() + options.rounds.size() ||
        run.rounds < 1 || run.rounds > 10000)
      throw InputError("--rounds {}: a number from 1 to 10000, or \"auto\", was wanted",
                       options.rounds);
    run.suffices = nullptr;
  }
  if (options.budget) run.deadline = now_nanoseconds() + duration(*options.budget);
  return run;
}

// What the budget or the limit on rounds left thin, in a sentence each.
void say_what_is_thin(const std::vector<Measurement>& measurements, bool fixed_rounds,
                      bool latency) {
  std::map<std::string, std::size_t> faults;
  for (const Measurement& m : measurements) {
    if (!fixed_rounds && m.rounds.size() < kFewestRoundsForInterval)
      ++faults["too few rounds for a 95 % interval"];
    if (!m.footprint_reason.empty()) ++faults["no footprint: " + m.footprint_reason];
    if (latency && !m.latency_reason.empty()) ++faults["no latency: " + m.latency_reason];
  }
  for (const auto& [fault, count] : faults) {
    fmt::print(stderr, "pymemlab: {} of {} cells: {}; `pymemlab compare` names them\n", count,
               measurements.size(), fault);
  }
}

int run_replay(const ReplayOptions& options) {
  refuse_debug_build(options.allow_debug_build);
  RunOptions run = run_options(options);
  if (options.list) {
    fmt::print("{}", machine_offers(run));
    return kDone;
  }
  const std::string started = utc_now();
  const std::optional<double> load = load_average();
  std::vector<std::string> paths = options.traces;
  if (paths.empty()) paths = shipped_traces();
  const Exports exports(options.exports, {options.output}, paths);
  DocumentFile output(options.output);
  std::vector<MeasuredTrace> traces;
  for (const std::string& path : paths) {
    traces.push_back(survey_trace(path));
    if (traces.back().damage) fmt::print(stderr, "pymemlab: warning: {}\n", *traces.back().damage);
    if (traces.back().approximate)
      fmt::print(stderr, "pymemlab: warning: {}: {}\n", path, *traces.back().approximate);
  }
  CellAxes axes = options.axes;
  axes.touch = touch_called(options.touch);
  const PlannedCells planned = plan_cells(axes, traces, run);
  for (const std::string& what : planned.left_out)
    fmt::print(stderr, "pymemlab: left out: {}\n", what);
  const std::vector<Measurement> measurements = run_cells(traces, planned.cells, run);
  RunContext context{.machine = describe_machine(),
                     .version = kVersion,
                     .revision = kRevision,
                     .compiler = kCompiler,
                     .build_type = kBuildType,
                     .started = started,
                     .load_average = load,
                     .command = command_line(),
                     .seed = axes.seed,
                     .left_out = planned.left_out};
  const nlohmann::ordered_json results = results_document(context, traces, measurements);
  output.write(results.dump(1) + "\n");
  exports.write(results);
  say_what_is_thin(measurements, run.suffices == nullptr && run.deadline == 0, run.latency);
  if (options.output != "-") {
    fmt::print(stderr, "pymemlab: {} written to {}; `pymemlab compare {}` shows them\n",
               counted(measurements.size(), "cell"), options.output, options.output);
  }
  return kDone;
}

}  // namespace

std::function<int()> declare_replay(CLI::App& app) {
  auto options = std::make_shared<ReplayOptions>();
  app.add_option("TRACE", options->traces,
                 "Traces to replay (default: the traces that come with pymemlab)");
  app.add_option("-c,--configuration", options->axes.configurations,
                 "PYTHONMALLOC configurations, separated by commas, or all\n"
                 "(default: pymalloc,pymalloc_debug,malloc,malloc_debug)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("CONFIG,...");
  app.add_option("--profile", options->axes.profiles,
                 "CPython versions that the model takes, or all (default: the recorded one)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("VERSION,...");
  app.add_option("--target", options->axes.targets,
                 "What to replay against: model; libpython:PATH or python:PATH, the real thing;\n"
                 "libpython:VERSION, libpython:all and the same of python: as found here")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("TARGET,...")
      ->capture_default_str();
  app.add_option("--system-malloc", options->axes.system_mallocs,
                 "What serves malloc: glibc, jemalloc, mimalloc, tcmalloc, scudo, a library's\n"
                 "path, or all; with settings as in glibc:tcache_count=0:arena_max=1")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("MALLOC,...")
      ->capture_default_str();
  app.add_flag("--list", options->list, "Say what this machine offers for all of these, and end");
  app.add_option("--build", options->axes.build,
                 "How that CPython was built, which decides what default and debug mean:\n"
                 "release, debug, release-without-pymalloc or debug-without-pymalloc")
      ->capture_default_str();
  app.add_option("--rounds", options->rounds,
                 fmt::format("Timed rounds of each cell, each in a fresh process; auto: until the "
                             "median is\nknown to within {:.0f} %, {} to {}",
                             100 * kPrecision, kFewestRounds, kMostRounds))
      ->type_name("N|auto")
      ->capture_default_str();
  app.add_option("--warm", options->warm,
                 "Further replays in the process of each round, after everything was freed; kept\n"
                 "apart from the cold ones")
      ->check(number_within<std::uint64_t>(0, 1000, "0 to 1000"))
      ->capture_default_str();
  app.add_option("--cpu", options->cpu,
                 "Processor that timed replays are bound to: a number, last (of those that this\n"
                 "process may run on) or none")
      ->type_name("N|last|none")
      ->capture_default_str();
  app.add_option("--budget", options->budget,
                 "Time that the whole run may take, as 90s, 10m or 1h; implies --rounds auto")
      ->type_name("TIME");
  app.add_option("--seed", options->axes.seed,
                 "Decides the order of the cells in a round, and random arenas")
      ->check(number_from(0))
      ->capture_default_str();
  app.add_option("--touch", options->touch,
                 "What is written to each new block: none, first (byte) or all")
      ->check(CLI::IsMember({"none", "first", "all"}))
      ->capture_default_str();
  app.add_option(
      "--arena-residue", options->axes.arena_residue,
      "Where arenas start within their alignment: recorded, aligned or random:SEED\n"
      "(default: recorded if the trace has arenas of that size, else random with --seed)");
  app.add_option("--samples", options->samples,
                 "Samples of the footprint over the allocation clock; 0: after every event")
      ->check(number_within<std::uint64_t>(0, 1000000, "0 to 1000000"))
      ->capture_default_str();
  app.add_flag(
      "--latency", options->latency,
      "Time single calls too, in a pass of their own: their distribution by operation and\n"
      "size; takes about as long as a footprint");
  app.add_flag(
         "--arena-map{48}", options->arena_map_moments,
         "Keep what is in every pool of every arena, where pymalloc is modelled, at N moments\n"
         "(with =; 48 if it is not said), for the map of `pymemlab report`; fewer if large")
      ->type_name("[=N]")
      ->check(number_within<std::uint64_t>(1, 10000, "1 to 10000"));
  app.add_option("-o,--output", options->output, "Results document to write; - is standard output")
      ->type_name("FILE")
      ->capture_default_str();
  declare_exports(app, options->exports);
  app.add_flag("--allow-debug-build", options->allow_debug_build,
               "Measure although this build is not optimised");
  return [options, rounds = app.get_option("--rounds")] {
    if (options->budget && rounds->count() == 0) options->rounds = kAuto;
    return run_replay(*options);
  };
}

}  // namespace pymemlab
