// Calls that name blocks by their addresses, as malloc's tracers log them, become a trace. Every
// call is one to the C library, unless it is said to be another domain's.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/trace/format.h"

namespace pymemlab {

// What it means that an allocation returns the address of a live block.
enum class TakenAddress : std::uint8_t {
  lost_free,  // the block was freed unseen: a free of it is inserted
  late_free,  // another thread's free has yet to be logged: both blocks are live until it is
};

class CallLog {
 public:
  // `from` is named in errors.
  CallLog(const std::string& from, const std::string& to, TraceMetadata metadata,
          const TraceWriterOptions& options, TakenAddress taken);

  // The calls that follow are this thread's; any number will do.
  void thread(std::uint64_t id);
  // Likewise, this domain's.
  void domain(Domain domain) noexcept { domain_ = domain; }
  // Address 0: the call failed.
  void malloc(std::uint64_t address, std::uint64_t size);
  void calloc(std::uint64_t address, std::uint64_t count, std::uint64_t size);
  // `old` 0: none. A realloc to 0 bytes that returns 0 is a free, as in the GNU and other C
  // libraries.
  void realloc(std::uint64_t old, std::uint64_t address, std::uint64_t size);
  void free(std::uint64_t address);

  // Counts something for the report and the metadata: "3 SENTENCE". REQUIRES: `sentence` is a
  // literal.
  void note(std::string_view sentence);
  [[nodiscard]] TraceMetadata& metadata() noexcept { return trace_.metadata(); }
  [[nodiscard]] ConversionReport finish(std::optional<std::string> damage);

 private:
  void allocate(const Operation& operation);
  // An allocation is about to return the address.
  void make_room(std::uint64_t address);
  // The live block at the address, which is then forgotten.
  std::optional<Slot> take(std::uint64_t address);
  void put(std::uint64_t address, Slot slot);

  std::string from_;
  TraceWriter trace_;
  TakenAddress taken_;
  std::unordered_map<std::uint64_t, Slot> live_;               // by address
  std::unordered_map<std::uint64_t, std::deque<Slot>> later_;  // more at the same address, in order
  std::unordered_map<std::uint64_t, Slot> threads_;            // id -> number
  Slot thread_ = 0;
  Domain domain_ = Domain::libc;
  std::vector<std::pair<std::string_view, std::uint64_t>> notes_;
};

}  // namespace pymemlab
