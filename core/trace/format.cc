#include "core/trace/format.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/base/input_error.h"
#include "core/trace/formats/bytehound_format.h"
#include "core/trace/formats/chrome_format.h"
#include "core/trace/formats/glibc_trace_format.h"
#include "core/trace/formats/heaptrack_format.h"
#include "core/trace/formats/input_stream.h"
#include "core/trace/formats/memory_replay_format.h"
#include "core/trace/formats/memray_format.h"
#include "core/trace/formats/mtrace_format.h"
#include "core/trace/formats/rep_format.h"
#include "core/trace/formats/text_format.h"
#include "core/trace/formats/wl_format.h"

namespace pymemlab {
namespace {

// Rewrites a trace: to drop a column, to compress it anew, to mend a cut-off one.
ConversionReport copy_trace(const std::string& from, const std::string& to,
                            const TraceWriterOptions& options) {
  TraceReader reader = TraceReader::open(
      from, {.addresses = options.addresses, .sites = options.sites, .ahead = true});
  TraceWriterOptions kept = options;
  kept.addresses = options.addresses && reader.has_addresses();
  kept.sites = options.sites && reader.has_sites();
  TraceWriter writer = TraceWriter::create(to, reader.metadata(), kept);
  copy_events(reader, writer);
  const std::vector<std::string> columns = writer.metadata().columns;
  writer.metadata() = reader.metadata();
  writer.metadata().columns = columns;
  writer.finish();
  ConversionReport report{.losses = {}, .damage = reader.damage()};
  if (reader.has_addresses() && !kept.addresses)
    report.losses.emplace_back("the addresses were dropped, as asked");
  if (reader.has_sites() && !kept.sites)
    report.losses.emplace_back("the sites were dropped, as asked");
  return report;
}

ConversionReport export_trace(const std::string& from, const std::string& to) {
  return copy_trace(from, to, {.addresses = true, .sites = true});
}

ConversionReport only_written(const std::string& from, const std::string&,
                              const TraceWriterOptions&) {
  throw InputError("{}: this format is only written; name the one the file is in with --from",
                   from);
}

ConversionReport only_read(const std::string&, const std::string& to) {
  throw InputError("{}: this format is only read; name one to write with --to", to);
}

bool is_trace(std::string_view head) noexcept { return head.substr(0, 4) == "\x89PMT"; }

constexpr std::array kFormats = {
    TraceFormat{"pmtrace", ".pmtrace", "our own", copy_trace, export_trace, is_trace, true},
    TraceFormat{"text", ".txt", "our own, for people", import_text, export_text, is_text, true},
    TraceFormat{"rep", ".rep", "malloclab's traces", import_rep, export_rep, nullptr},
    TraceFormat{"wl", ".wl", "workloads of glibc-malloc-trace-utils", import_wl, export_wl,
                nullptr},
    TraceFormat{"glibc-trace", "", "traces of glibc's dj/malloc branch", import_glibc_trace,
                only_read, is_glibc_trace},
    TraceFormat{"mtrace", ".mtrace", "logs of the C library's mtrace()", import_mtrace, only_read,
                is_mtrace},
    TraceFormat{"heaptrack", "", "heaptrack's recordings, raw and interpreted", import_heaptrack,
                only_read, is_heaptrack},
    TraceFormat{"bytehound", ".replay", "bytehound's replay files", import_bytehound,
                export_bytehound, nullptr},
    TraceFormat{"memory-replay", "", "logs for Android's memory_replay", import_memory_replay,
                only_read, is_memory_replay},
    TraceFormat{"memray", "", "memray's captures of every allocation", import_memray, only_read,
                is_memray},
    TraceFormat{"chrome-json", ".json", "counters for Perfetto and Chrome's tracing", only_written,
                export_chrome, nullptr},
};

}  // namespace

std::span<const TraceFormat> trace_formats() noexcept { return kFormats; }

bool is_read(const TraceFormat& format) noexcept { return format.import_file != only_written; }
bool is_written(const TraceFormat& format) noexcept { return format.export_file != only_read; }

const TraceFormat& trace_format_named(std::string_view name) {
  const auto found =
      std::find_if(kFormats.begin(), kFormats.end(),
                   [name](const TraceFormat& format) { return format.name == name; });
  if (found != kFormats.end()) return *found;
  std::vector<std::string_view> names;
  names.reserve(kFormats.size());
  for (const TraceFormat& format : kFormats) names.push_back(format.name);
  throw InputError("there is no trace format \"{}\"; there are {}", name, fmt::join(names, ", "));
}

const TraceFormat* trace_format_of(std::string_view path) noexcept {
  const auto found =
      std::find_if(kFormats.begin(), kFormats.end(), [path](const TraceFormat& format) {
        return !format.extension.empty() && path.size() >= format.extension.size() &&
               path.substr(path.size() - format.extension.size()) == format.extension;
      });
  return found == kFormats.end() ? nullptr : found;
}

const TraceFormat* trace_format_in(const std::string& path) {
  InputStream input(path);
  std::array<char, 4096> bytes{};
  const std::size_t size = input.read(std::as_writable_bytes(std::span(bytes)));
  const std::string_view head(bytes.data(), size);
  const auto found =
      std::find_if(kFormats.begin(), kFormats.end(), [head](const TraceFormat& format) {
        return format.recognises != nullptr && format.recognises(head);
      });
  return found == kFormats.end() ? nullptr : found;
}

void copy_events(TraceReader& from, TraceWriter& to) {
  EventBatch batch;
  Operation operation;
  while (from.next(batch)) {
    to.add_sites(from.sites());
    OperationCursor cursor(batch);
    while (cursor.next(operation)) {
      if (operation.kind == EventKind::mark) {
        to.mark(from.marks()[operation.slot]);
      } else {
        to.append(operation);
      }
    }
  }
}

}  // namespace pymemlab
