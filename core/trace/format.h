// The file formats that a trace can come from and go to. Adding one is a file and a row.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"

namespace pymemlab {

// What a conversion could not carry over, each a sentence.
struct ConversionReport {
  std::vector<std::string> losses;
  std::optional<std::string> damage;  // of the source: see TraceReader::damage
};

struct TraceFormat {
  std::string_view name;         // "text"
  std::string_view extension;    // ".txt"; "": file names do not tell
  std::string_view description;  // "a trace as text"
  // `from` in this format becomes the trace file `to`. Paths may be "-". options.addresses keeps
  // addresses if there are any, options.sites sites. Throws InputError, also if the format is only
  // written.
  ConversionReport (*import_file)(const std::string& from, const std::string& to,
                                  const TraceWriterOptions& options);
  // The trace file `from`, which may be read more than once, becomes `to` in this format.
  // Throws InputError, also if the format is only read.
  ConversionReport (*export_file)(const std::string& from, const std::string& to);
  // Whether a file that starts with `head`, once decompressed, is in this format. Null if such
  // files look like nothing in particular.
  bool (*recognises)(std::string_view head) noexcept;
  // Whether it tells where blocks were asked for. REQUIRES of import_file: otherwise no
  // options.sites.
  bool has_sites = false;
};

[[nodiscard]] std::span<const TraceFormat> trace_formats() noexcept;
[[nodiscard]] bool is_read(const TraceFormat& format) noexcept;
[[nodiscard]] bool is_written(const TraceFormat& format) noexcept;
// Throws InputError listing the names there are.
[[nodiscard]] const TraceFormat& trace_format_named(std::string_view name);
// By the path's extension; nothing if it says nothing.
[[nodiscard]] const TraceFormat* trace_format_of(std::string_view path) noexcept;
// By how the file begins; nothing if that is not distinctive. Throws InputError when it cannot be
// opened.
[[nodiscard]] const TraceFormat* trace_format_in(const std::string& path);

// Appends all of the trace's events and marks, in the same slots.
void copy_events(TraceReader& from, TraceWriter& to);

}  // namespace pymemlab
