// Files of other tools' formats, in and out: a small vocabulary for the tests of formats.
#pragma once

#include <string>
#include <string_view>

#include "core/trace/format.h"

namespace pymemlab::testing {

// What becomes of `content`, a file in the format.
struct Imported {
  std::string events;  // a line each, as in the text format, without addresses of blocks
  ConversionReport report;
  TraceMetadata metadata;
  std::string refusal;  // the InputError's sentence, if it was refused
};
[[nodiscard]] Imported import_as(std::string_view format, std::string_view content,
                                 bool addresses = false);

// The file that the format makes of a trace, which is given as lines of the text format.
struct Exported {
  std::string content;
  ConversionReport report;
};
[[nodiscard]] Exported export_as(std::string_view format, std::string_view events);

// One LZ4 frame of `content`.
[[nodiscard]] std::string lz4(const std::string& content);

// 8-byte words, little-endian.
[[nodiscard]] std::string words(std::initializer_list<std::uint64_t> numbers);

}  // namespace pymemlab::testing
