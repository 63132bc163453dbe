// pymemlab convert IN OUT: between our trace format and others.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/input_error.h"
#include "core/trace/format.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

struct ConvertOptions {
  std::string from_path;
  std::string to_path;
  std::string from_format;
  std::string to_format;
  std::vector<std::string> drop;
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

void refuse_same_file(const ConvertOptions& options) {
  std::error_code ignored;
  if (options.from_path != "-" && options.to_path != "-" &&
      std::filesystem::equivalent(options.from_path, options.to_path, ignored))
    throw InputError("{}: is both source and destination; name another file to write",
                     options.from_path);
}

void warn(const ConversionReport& report) {
  if (report.damage) fmt::print(stderr, "pymemlab: warning: {}\n", *report.damage);
  for (const std::string& loss : report.losses) fmt::print(stderr, "pymemlab: note: {}\n", loss);
}

int run_convert(const ConvertOptions& options) {
  const TraceFormat& from = format_to_read(options);
  const TraceFormat& to = format_to_write(options);
  // Says so before it reads a long trace.
  if (!is_written(to)) to.export_file(options.from_path, options.to_path);
  refuse_same_file(options);
  const TraceWriterOptions writing{.addresses = options.drop.empty()};
  const TraceFormat& ours = trace_format_named("pmtrace");
  if (&to == &ours) {
    warn(from.import_file(options.from_path, options.to_path, writing));
  } else if (&from == &ours && options.from_path != "-" && options.drop.empty()) {
    warn(to.export_file(options.from_path, options.to_path));
  } else {
    const TemporaryTrace between;
    warn(from.import_file(options.from_path, between.path(), writing));
    warn(to.export_file(between.path(), options.to_path));
  }
  return kDone;
}

std::string format_list() {
  std::string text =
      "Formats, and the file names that say them.\n"
      "What is read may be compressed (gzip, zstd, or a zip of one file).\n";
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
      ->check(CLI::IsMember({"address"}));
  app.footer(format_list());
  return [options] { return run_convert(*options); };
}

}  // namespace pymemlab
