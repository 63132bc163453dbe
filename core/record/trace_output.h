// What a recording writes to: a trace file, or, with a limit on its size, the newest part of one.
//
//     path         [ ......... older half ......... ]
//     path.newest                                    [ prologue | .... newer half .... ]
//
// The window is kept in two files of at most half the limit each. When the newer is full it takes
// the older one's place and a new one begins, with a prologue that asks for what is live there: so
// each can be read by itself, whoever dies. At the end both become one trace.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/trace/trace_writer.h"

namespace pymemlab {

class TraceOutput {
 public:
  // `max_bytes` 0: no limit. Throws InputError when the file cannot be created.
  TraceOutput(std::string path, TraceMetadata metadata, TraceWriterOptions options,
              std::uint64_t max_bytes);
  TraceOutput(TraceOutput&&) = delete;
  TraceOutput& operator=(TraceOutput&&) = delete;
  ~TraceOutput();

  // As TraceWriter's, but a slot is the same block's in every part.
  Slot append(const Operation& operation) {
    if (window_ != nullptr) [[unlikely]]
      return append_to_window(operation);
    return writer_.append(operation);
  }
  void mark(std::string_view text) { writer_.mark(text); }
  SiteNumber add_site(const Site& site);
  void add_sites(const SiteTable& table);
  [[nodiscard]] SiteNumber sites() const noexcept { return writer_.sites(); }
  [[nodiscard]] Domain domain_of(Slot slot) const noexcept;
  TraceMetadata& metadata() noexcept { return writer_.metadata(); }
  // In the file that is written now.
  [[nodiscard]] std::uint64_t events() const noexcept { return writer_.events(); }
  void flush_chunk() { writer_.flush_chunk(); }

  // Begins another part if this one has its share of the limit. REQUIRES: no realloc has begun
  // that has not ended. Throws InputError also when what is live takes too much of the limit.
  void limit_size();
  // As TraceWriter's; what is left is one file.
  void finish();

 private:
  struct Window;

  Slot append_to_window(const Operation& operation);
  void begin_part();
  void join_parts();

  TraceWriter writer_;
  std::unique_ptr<Window> window_;
};

}  // namespace pymemlab
