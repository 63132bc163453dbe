// Streams of events to write and compare: a small vocabulary for the trace tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/trace/event.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"

namespace pymemlab::testing {

// A path in the test's own folder, which is removed when the program ends.
[[nodiscard]] std::string scratch(const std::string& name);

// A stream and what a slow, obvious model says about it. `operations[i].slot` is what the writer
// must hand out and the reader must decode; marks have the number of their text in `marks`.
struct Stream {
  std::vector<Operation> operations;
  std::vector<std::string> marks;
  SiteTable sites;
  Slot slots = 0;
};

struct StreamShape {
  std::uint64_t events = 1000;
  std::uint64_t seed = 1;
  std::uint64_t live_about = 100;  // blocks
  bool oddities = true;            // double frees, unknown blocks, failures, threads, arenas, marks
};
[[nodiscard]] Stream random_stream(const StreamShape& shape);

// Writes the stream and checks every slot that the writer hands out.
void write_stream(const Stream& stream, const std::string& path, TraceWriterOptions options = {},
                  TraceMetadata metadata = {.source = "test"});

struct ReadBack {
  std::vector<Operation> operations;
  std::vector<std::string> marks;
  SiteTable sites;
  std::optional<std::string> damage;
  std::string digest;
  Slot slots = 0;
  TraceMetadata metadata;
  std::vector<std::string> progress;  // what the reader showed after each batch
  friend bool operator==(const ReadBack&, const ReadBack&) = default;
};
// Expects the same of a reader that decodes ahead.
[[nodiscard]] ReadBack read_all(const std::string& path, const TraceReaderOptions& options = {});

// The stream as it is read back: without addresses of returned blocks if they were not kept.
[[nodiscard]] std::vector<Operation> expected(const Stream& stream, bool addresses);

[[nodiscard]] std::vector<std::uint8_t> bytes_of(const std::string& path);
void write_bytes(const std::string& path, const std::vector<std::uint8_t>& bytes);

}  // namespace pymemlab::testing
