#include "tests/trace/formats/foreign.h"

#include <lz4frame.h>

#include "core/base/input_error.h"
#include "tests/trace/streams.h"

namespace pymemlab::testing {
namespace {

std::string content_of(const std::string& path) {
  const std::vector<std::uint8_t> bytes = bytes_of(path);
  return {bytes.begin(), bytes.end()};
}

void write(const std::string& path, std::string_view content) {
  write_bytes(path, {content.begin(), content.end()});
}

// Without the first line and the metadata.
std::string body(const std::string& text) {
  std::string lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at) + 1;
    const std::string line = text.substr(at, end - at);
    if (line.rfind("meta ", 0) != 0 && line.rfind("pymemlab-", 0) != 0) lines += line;
    at = end;
  }
  return lines;
}

}  // namespace

Imported import_as(std::string_view format, std::string_view content, bool addresses) {
  const std::string from = scratch("foreign");
  const std::string trace = scratch("foreign.pmtrace");
  write(from, content);
  Imported imported;
  try {
    imported.report = trace_format_named(format).import_file(from, trace, {.addresses = addresses});
  } catch (const InputError& error) {
    imported.refusal = error.what();
    return imported;
  }
  trace_format_named("text").export_file(trace, scratch("foreign.txt"));
  imported.events = body(content_of(scratch("foreign.txt")));
  imported.metadata = read_all(trace).metadata;
  return imported;
}

std::string lz4(const std::string& content) {
  std::string out(LZ4F_compressFrameBound(content.size(), nullptr), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), content.data(), content.size(), nullptr));
  return out;
}

Exported export_as(std::string_view format, std::string_view events) {
  write(scratch("own.txt"), "pymemlab-trace-text 1\n" + std::string(events));
  trace_format_named("text").import_file(scratch("own.txt"), scratch("own.pmtrace"), {});
  Exported exported;
  exported.report =
      trace_format_named(format).export_file(scratch("own.pmtrace"), scratch("own.out"));
  exported.content = content_of(scratch("own.out"));
  return exported;
}

std::string words(std::initializer_list<std::uint64_t> numbers) {
  std::string bytes;
  for (const std::uint64_t number : numbers)
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(number >> (8 * i));
  return bytes;
}

}  // namespace pymemlab::testing
