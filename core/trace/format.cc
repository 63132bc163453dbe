#include "core/trace/format.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/base/input_error.h"
#include "core/trace/formats/rep_format.h"
#include "core/trace/formats/text_format.h"

namespace pymemlab {
namespace {

// Rewrites a trace: to drop a column, to compress it anew, to mend a cut-off one.
ConversionReport copy_trace(const std::string& from, const std::string& to,
                            const TraceWriterOptions& options) {
  TraceReader reader = TraceReader::open(from, {.addresses = options.addresses});
  TraceWriterOptions kept = options;
  kept.addresses = options.addresses && reader.has_addresses();
  TraceWriter writer = TraceWriter::create(to, reader.metadata(), kept);
  copy_events(reader, writer);
  const std::vector<std::string> columns = writer.metadata().columns;
  writer.metadata() = reader.metadata();
  writer.metadata().columns = columns;
  writer.finish();
  ConversionReport report{.losses = {}, .damage = reader.damage()};
  if (reader.has_addresses() && !kept.addresses)
    report.losses.emplace_back("the addresses were dropped, as asked");
  return report;
}

ConversionReport export_trace(const std::string& from, const std::string& to) {
  return copy_trace(from, to, {.addresses = true});
}

constexpr std::array kFormats = {
    TraceFormat{"pmtrace", ".pmtrace", copy_trace, export_trace},
    TraceFormat{"rep", ".rep", import_rep, export_rep},
    TraceFormat{"text", ".txt", import_text, export_text},
};

}  // namespace

std::span<const TraceFormat> trace_formats() noexcept { return kFormats; }

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
        return path.size() >= format.extension.size() &&
               path.substr(path.size() - format.extension.size()) == format.extension;
      });
  return found == kFormats.end() ? nullptr : found;
}

void copy_events(TraceReader& from, TraceWriter& to) {
  EventBatch batch;
  Operation operation;
  while (from.next(batch)) {
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
