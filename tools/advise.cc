// pymemlab advise TRACE, or -- COMMAND: what to set, what it gains and costs, and where the memory
// goes, in sentences.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/analyze/advice.h"
#include "core/base/input_error.h"
#include "core/measure/runner.h"
#include "core/record/recorder.h"
#include "core/report/interval.h"
#include "core/report/statistics.h"
#include "core/report/time_json.h"
#include "core/trace/site_ranking.h"
#include "core/trace/summary.h"
#include "core/trace/trace_reader.h"
#include "tools/build_info.h"
#include "tools/number_within.h"
#include "tools/replay_cells.h"
#include "tools/subcommand.h"
#include "tools/temporary_folder.h"

namespace pymemlab {
namespace {

// --others: which allocators are tried in the C library's place.
constexpr const char* kFound = "found";
constexpr const char* kNone = "none";

struct AdviseOptions {
  std::vector<std::string> words;  // a trace, or a command
  bool is_command = false;
  std::string output;  // where a command's trace is kept; empty: nowhere
  std::string format = "text";
  std::uint64_t rounds = 7;
  std::uint64_t seed = 1;
  std::string others = kFound;
  bool allow_debug_build = false;
};

void say(const std::string& what) {
  if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\rpymemlab advise: {}\x1b[K", what);
}
void end_progress() {
  if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\x1b[K");
}

void record_command(const std::vector<std::string>& command, const std::string& output) {
  const RecordResult result =
      record({.command = command, .output = output, .site_depth = 1, .output_to_stderr = true});
  if (!result.hooked) {
    throw InputError(
        "advise: no CPython was found in '{}', so there is no trace; name a command that runs "
        "Python 3.6 or later, dynamically linked, as the same user, and that passes LD_PRELOAD on",
        fmt::join(command, " "));
  }
  const RecordedProcess& process = result.processes.front();
  if (process.events == 0)
    throw InputError("advise: nothing was recorded of '{}'", fmt::join(command, " "));
  if (process.loss) fmt::print(stderr, "pymemlab: {}\n", *process.loss);
  if (result.program.code != 0) {
    fmt::print(stderr,
               "pymemlab: warning: the command ended with {}: the advice is about what it "
               "did until then\n",
               result.program.code);
  }
}

// Those that people preload.
std::vector<std::string> other_mallocs(const std::string& others) {
  std::vector<std::string> names;
  if (others == kNone) return names;
  for (const KnownMalloc& known : known_mallocs()) {
    if (known.name != "glibc" && known.name != "scudo" && known.library)
      names.emplace_back(known.name);
  }
  return names;
}

// pymalloc, malloc, pymalloc_debug; then pymalloc and malloc over each of the others. A program
// writes to what it asks for, so the replay does.
std::vector<Cell> cells_of(const MeasuredTrace& trace, const AdviseOptions& options,
                           const RunOptions& run) {
  CellAxes axes{.configurations = {"pymalloc", "malloc", "pymalloc_debug"},
                .touch = Touch::all,
                .seed = options.seed};
  std::vector<Cell> cells = plan_cells(axes, {trace}, run).cells;
  axes.configurations.pop_back();
  axes.system_mallocs = other_mallocs(options.others);
  if (axes.system_mallocs.empty()) return cells;
  const std::vector<Cell> others = plan_cells(axes, {trace}, run).cells;
  cells.insert(cells.end(), others.begin(), others.end());
  return cells;
}

std::uint64_t peak_resident(const Footprint& footprint) {
  std::int64_t most = 0;
  for (const FootprintSample& sample : footprint.series)
    most = std::max(most, sample.resident_bytes);
  return static_cast<std::uint64_t>(most);
}

SettingFigures figures_of(const Measurement& measurement) {
  SettingFigures figures{.configuration = measurement.cell.configuration,
                         .void_reason = measurement.void_reason};
  if (figures.configuration == "pymalloc_debug") figures.configuration = "debug";
  if (!measurement.rounds.empty()) figures.ns_per_request = median(times_of(measurement.rounds));
  if (measurement.footprint) {
    figures.peak = measurement.footprint->peak_mapped;
    figures.peak_resident_bytes = peak_resident(*measurement.footprint);
  }
  return figures;
}

ComparedSetting compared(const Measurement& measurement, const Measurement& standard) {
  ComparedSetting setting{.figures = figures_of(measurement)};
  // Rounds of one number were taken close together: they are a pair.
  const std::optional<Effect> effect = effect_of({.cell = times_of(measurement.rounds),
                                                  .baseline = times_of(standard.rounds),
                                                  .paired = true});
  if (effect && effect->interval) {
    setting.time = TimeRatio{.median = effect->ratio,
                             .low = effect->interval->low,
                             .high = effect->interval->high,
                             .coverage = effect->interval->coverage};
  }
  return setting;
}

OtherMalloc other_of(const Measurement& measurement, const Measurement& standard) {
  OtherMalloc other{.allocator = measurement.cell.system_malloc.name,
                    .environment = {"LD_PRELOAD=" + measurement.cell.system_malloc.library},
                    .cell = compared(measurement, standard)};
  if (measurement.malloc && !measurement.malloc->version.empty())
    other.allocator += " " + measurement.malloc->version;
  if (measurement.cell.configuration != standard.cell.configuration)
    other.environment.push_back("PYTHONMALLOC=" + measurement.cell.configuration);
  return other;
}

void rank_lines(const std::string& path, AdviceInput& input) {
  constexpr std::size_t kKept = 10;
  TraceReader reader = TraceReader::open(path, {.sites = true});
  if (!reader.has_sites()) return;
  const std::uint64_t peak_event = summarize(reader).peak_live_bytes_event;
  const SiteRanking ranking = rank_sites(path, peak_event);
  input.sites_peak_bytes = ranking.peak_bytes;
  for (const SiteUse& use : ranking.uses) {
    if (input.top_sites.size() == kKept || use.peak_bytes == 0) return;
    input.top_sites.push_back({.site = site_text(ranking.sites, use.site),
                               .bytes = use.peak_bytes,
                               .blocks = use.peak_blocks});
  }
}

AdviceInput measure(const std::string& path, const AdviseOptions& options) {
  say("reading the trace");
  const MeasuredTrace trace = survey_trace(path);
  RunOptions run{.worker_program = {},
                 .rounds = options.rounds,
                 .suffices = {},
                 .seed = options.seed,
                 .progress = [](std::uint64_t done, std::uint64_t total) {
                   say(fmt::format("{} of {} rounds", done, total));
                 }};
  const std::vector<Cell> cells = cells_of(trace, options, run);
  AdviceInput input{
      .program = options.is_command || !trace.metadata.command.empty()
                     ? fmt::format("{}", fmt::join(options.is_command ? options.words
                                                                      : trace.metadata.command,
                                                   " "))
                     : path,
      .python = trace.metadata.python ? trace.metadata.python->version : "",
      .profile = cells[0].profile,
      .requests = trace.plan.counts.issued,
      .rounds = options.rounds,
      .recorded_setting = trace.metadata.pythonmalloc};
  if (trace.damage) input.warnings.push_back(*trace.damage);
  if (trace.approximate) input.warnings.push_back(*trace.approximate);
  const std::vector<Measurement> measured = run_cells({trace}, cells, run);
  input.standard = figures_of(measured[0]);
  input.malloc = compared(measured[1], measured[0]);
  input.debug = compared(measured[2], measured[0]);
  for (std::size_t i = 3; i < measured.size(); ++i)
    input.others.push_back(other_of(measured[i], measured[0]));
  say("looking where the memory goes");
  rank_lines(path, input);
  input.pinning = find_arena_pinning(trace, cells[0]);
  end_progress();
  return input;
}

int run_advise(const AdviseOptions& options) {
  refuse_debug_build(options.allow_debug_build);
  if (options.words.empty()) {
    throw InputError(
        "advise: wanted a trace, or a command to run, as in 'pymemlab advise -- python3 app.py'");
  }
  if (!options.is_command && options.words.size() != 1)
    throw InputError("advise: wanted one trace; a command goes after --");
  if (!options.is_command && !options.output.empty())
    throw InputError("advise: -o keeps the trace of a command; {} is one already",
                     options.words[0]);
  std::optional<TemporaryFolder> folder;
  std::string path = options.words[0];
  if (options.is_command) {
    path = options.output;
    if (path.empty()) path = folder.emplace().file("advise.pmtrace");
    record_command(options.words, path);
  }
  const AdviceInput input = measure(path, options);
  const Advice advice = judge(input);
  if (options.format == "json") {
    fmt::print("{}\n", advice_json(input, advice).dump(1));
  } else {
    fmt::print("{}", advice_text(input, advice));
  }
  return kDone;
}

// Whether the command line has a "--" of its own: what follows is a command, not a trace.
bool has_separator(const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), "--") != words.end();
}

}  // namespace

std::function<int()> declare_advise(CLI::App& app) {
  auto options = std::make_shared<AdviseOptions>();
  app.add_option("TRACE", options->words, "A trace; or -- and a command, which is recorded first")
      ->type_name("TRACE | -- COMMAND");
  app.add_option("-o,--output", options->output,
                 "Where the trace of the command is kept (default: it is not)")
      ->type_name("FILE");
  app.add_option("--format", options->format, "text, or json for tools")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--rounds", options->rounds,
                 "Timed rounds of each configuration, each in a fresh process")
      ->check(number_within<std::uint64_t>(1, 10000, "1 to 10000"))
      ->capture_default_str();
  app.add_option("--others", options->others,
                 "Allocators that are tried in the C library's place: those found on this machine, "
                 "or none")
      ->check(CLI::IsMember({kFound, kNone}))
      ->capture_default_str();
  app.add_option("--seed", options->seed,
                 "Decides the order of the configurations in a round, and random arenas")
      ->check(number_from(0))
      ->capture_default_str();
  app.add_flag("--allow-debug-build", options->allow_debug_build,
               "Measure although this build is not optimised");
  return [options] {
    options->is_command = has_separator(command_line());
    return run_advise(*options);
  };
}

}  // namespace pymemlab
