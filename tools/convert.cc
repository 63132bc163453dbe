// pymemlab convert IN OUT: between our trace format and others.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/input_error.h"
#include "core/trace/edits/minimize.h"
#include "core/trace/edits/trace_edits.h"
#include "core/trace/format.h"
#include "tools/document_file.h"
#include "tools/number_within.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

struct ConvertOptions {
  std::string from_path;
  std::string to_path;
  std::string from_format;
  std::string to_format;
  std::vector<std::string> drop;
  bool best = false;
  std::string slice;
  std::vector<Slot> threads;
  bool anonymize = false;
  bool minimize = false;
  std::string command;
  std::uint64_t most_runs = MinimizeOptions().most_runs;
};

// A trace file between two foreign formats, or between a pipe and what must read twice. Removed in
// the end, whatever happens.
class TemporaryTrace {
 public:
  TemporaryTrace() : path_((std::filesystem::temp_directory_path() / "pymemlab-XXXXXX").string()) {
    const int descriptor = ::mkstemp(path_.data());
    if (descriptor < 0) throw InputError("{}: cannot be created: {}", path_, std::strerror(errno));
    ::close(descriptor);
  }
  TemporaryTrace(const TemporaryTrace&) = delete;
  TemporaryTrace& operator=(const TemporaryTrace&) = delete;
  ~TemporaryTrace() { ::unlink(path_.c_str()); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

// Standard streams carry our own format unless told otherwise.
const TraceFormat& format_to_read(const ConvertOptions& options) {
  if (!options.from_format.empty()) return trace_format_named(options.from_format);
  if (options.from_path == "-") return trace_format_named("pmtrace");
  const TraceFormat* found = trace_format_in(options.from_path);
  if (found == nullptr) found = trace_format_of(options.from_path);
  if (found == nullptr)
    throw InputError(
        "{}: neither its content nor its name says which format it is in; say so "
        "with --from",
        options.from_path);
  return *found;
}

const TraceFormat& format_to_write(const ConvertOptions& options) {
  if (!options.to_format.empty()) return trace_format_named(options.to_format);
  if (options.to_path == "-") return trace_format_named("pmtrace");
  const TraceFormat* found = trace_format_of(options.to_path);
  if (found == nullptr)
    throw InputError("{}: its name does not say which format to write; say so with --to",
                     options.to_path);
  return *found;
}

void warn(const ConversionReport& report) {
  if (report.damage) fmt::print(stderr, "pymemlab: warning: {}\n", *report.damage);
  for (const std::string& loss : report.losses) fmt::print(stderr, "pymemlab: note: {}\n", loss);
}

// "FROM:TO", either of which may be missing.
EventRange parse_range(const std::string& text) {
  EventRange range;
  const auto parse = [&](std::string_view digits, std::uint64_t& number) {
    if (digits.empty()) return true;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  const std::size_t colon = text.find(':');
  const std::string_view all = text;
  if (colon == std::string::npos || !parse(all.substr(0, colon), range.from) ||
      !parse(all.substr(colon + 1), range.to))
    throw InputError(
        "--slice {}: wanted FROM:TO, numbers of events of which TO is the first that is left out; "
        "either may be missing",
        text);
  return range;
}

TraceEdits edits_of(const ConvertOptions& options) {
  TraceEdits edits{.threads = options.threads, .anonymize = options.anonymize};
  if (!options.slice.empty()) edits.slice = parse_range(options.slice);
  return edits;
}

bool drops(const ConvertOptions& options, std::string_view column) {
  return std::find(options.drop.begin(), options.drop.end(), column) != options.drop.end();
}

TraceWriterOptions quick_writing_of(const ConvertOptions& options) {
  return {.addresses = !drops(options, "address"), .sites = !drops(options, "site")};
}

TraceWriterOptions writing_of(const ConvertOptions& options) {
  return options.best ? best_writing(quick_writing_of(options)) : quick_writing_of(options);
}

void show_runs(std::uint64_t events, std::uint64_t runs) {
  if (::isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\r\033[K{} events after {} runs", events, runs);
  std::fflush(stderr);
}

ConversionReport minimize(const std::string& from, const std::string& to,
                          const ConvertOptions& options, const TraceWriterOptions& writing) {
  const TemporaryTrace candidate;
  const MinimizeResult result = minimize_trace(from, to,
                                               {.command = options.command,
                                                .candidate = candidate.path(),
                                                .most_runs = options.most_runs,
                                                .progress = show_runs},
                                               writing);
  if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
  fmt::print(stderr,
             "pymemlab: {} of {} events make the command end with status {}, after {} runs of it\n",
             result.events_after, result.events_before, result.status, result.runs);
  if (!result.is_smallest)
    fmt::print(stderr, "pymemlab: warning: stopped after --most-runs {}; fewer events may do\n",
               options.most_runs);
  return result.report;
}

// From one file to the next. All but the first read, and all but the last write, a trace of ours.
using Step = std::function<ConversionReport(const std::string& from, const std::string& to,
                                            const TraceWriterOptions&)>;

std::vector<Step> steps_of(const ConvertOptions& options, const TraceFormat& from,
                           const TraceFormat& to) {
  const TraceFormat& ours = trace_format_named("pmtrace");
  const TraceEdits edits = edits_of(options);
  std::vector<Step> steps;
  if (&from != &ours) {
    steps.emplace_back(
        [&from](const std::string& source, const std::string& target, TraceWriterOptions writing) {
          writing.sites = writing.sites && from.has_sites;
          return from.import_file(source, target, writing);
        });
  }
  if (!edits.change_nothing())
    steps.emplace_back([edits](const std::string& source, const std::string& target,
                               const TraceWriterOptions& writing) {
      return edit_trace(source, target, edits, writing);
    });
  if (options.minimize) {
    steps.emplace_back([&options](const std::string& source, const std::string& target,
                                  const TraceWriterOptions& writing) {
      return minimize(source, target, options, writing);
    });
  }
  // What exports may read more than once and knows no columns to drop.
  const bool as_it_is = options.from_path != "-" && options.drop.empty();
  if (steps.empty() && (&to == &ours || !as_it_is)) steps.emplace_back(ours.import_file);
  if (&to != &ours)
    steps.emplace_back([&to](const std::string& source, const std::string& target,
                             const TraceWriterOptions&) { return to.export_file(source, target); });
  return steps;
}

int run_convert(const ConvertOptions& options) {
  const TraceFormat& from = format_to_read(options);
  const TraceFormat& to = format_to_write(options);
  // Says so before it reads a long trace.
  if (!is_written(to)) to.export_file(options.from_path, options.to_path);
  refuse_same_places({options.to_path}, {options.from_path});
  if (options.best && &to != &trace_format_named("pmtrace"))
    throw InputError("--best packs our own format, and {} would be {}: leave it away",
                     options.to_path, to.name);
  std::string path = options.from_path;
  std::deque<TemporaryTrace> between;
  for (std::vector<Step> steps = steps_of(options, from, to); !steps.empty();) {
    const Step step = std::move(steps.front());
    steps.erase(steps.begin());
    const bool is_last = steps.empty();
    const std::string next = is_last ? options.to_path : between.emplace_back().path();
    warn(step(path, next, is_last ? writing_of(options) : quick_writing_of(options)));
    path = next;
  }
  return kDone;
}

std::string format_list() {
  std::string text =
      "Formats, and the file names that say them.\n"
      "What is read may be compressed (gzip, zstd, LZ4, or a zip of one file).\n";
  for (const TraceFormat& format : trace_formats())
    text += fmt::format("  {:<14} {:<5} {:<6} {:<9} {}\n", format.name,
                        is_read(format) ? "read" : "", is_written(format) ? "write" : "",
                        format.extension.empty() ? "" : fmt::format("*{}", format.extension),
                        format.description);
  return text;
}

}  // namespace

std::function<int()> declare_convert(CLI::App& app) {
  const auto options = std::make_shared<ConvertOptions>();
  app.add_option("IN", options->from_path, "the file to read; '-' is standard input")->required();
  app.add_option("OUT", options->to_path, "the file to write; '-' is standard output")->required();
  app.add_option("--from", options->from_format, "IN's format, if its name does not say it");
  app.add_option("--to", options->to_format, "OUT's format, if its name does not say it");
  app.add_option("--drop", options->drop, "an optional column to leave out")
      ->check(CLI::IsMember({"address", "site"}));
  app.add_flag("--best", options->best, "the smallest file, which takes its time");
  app.add_option("--slice", options->slice,
                 "FROM:TO, only these events, after a prologue that asks for what is live at FROM");
  app.add_option("--threads", options->threads, "only what these threads did, e.g. 0,2")
      ->delimiter(',');
  app.add_flag("--anonymize", options->anonymize,
               "without command, process, platform and the texts of marks");
  CLI::Option* minimize = app.add_flag(
      "--minimize", options->minimize,
      "as few events as can be found on which --while's command still fails; OUT holds the "
      "fewest so far");
  CLI::Option* command = app.add_option(
      "--while", options->command,
      "for sh: ends as on the whole trace, and not with 0, on a trace {} (or $PYMEMLAB_TRACE)");
  minimize->needs(command);
  command->needs(minimize);
  app.add_option("--most-runs", options->most_runs, "of --while's command")
      ->check(number_from(1))
      ->needs(minimize)
      ->capture_default_str();
  app.footer(format_list());
  return [options] { return run_convert(*options); };
}

}  // namespace pymemlab
