#include "core/trace/formats/chrome_format.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "core/trace/formats/text_stream.h"

namespace pymemlab {
namespace {

using nlohmann::json;

// What is live and mapped between two events. Requests that an allocator made itself are no
// program's, as in the summary.
struct Counters {
  std::array<std::uint64_t, kDomains> live_bytes{};
  std::uint64_t live_blocks = 0;
  std::uint64_t arena_bytes = 0;
  std::uint64_t arenas = 0;

  [[nodiscard]] std::uint64_t all_live_bytes() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t bytes : live_bytes) sum += bytes;
    return sum;
  }
};

class Accountant {
 public:
  void take(const Operation& operation);
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

 private:
  struct Block {
    std::uint64_t bytes = 0;
    Domain domain = Domain::raw;
    bool counted = false;
  };
  void allocate(const Operation& operation);
  void take_arena(const Operation& operation);

  Counters counters_;
  std::vector<Block> blocks_;          // by slot
  std::vector<std::uint64_t> arenas_;  // bytes, by ordinal; 0: refused or released
};

void Accountant::take(const Operation& operation) {
  if (takes_new_slot(operation.kind)) {
    if (!operation.failed) allocate(operation);
  } else if (operation.kind == EventKind::realloc) {
    Block& block = blocks_[operation.slot];
    if (operation.failed || !block.counted) return;
    counters_.live_bytes[index(block.domain)] += operation.size - block.bytes;
    block.bytes = operation.size;
  } else if (operation.kind == EventKind::free && operation.slot != kNoSlot) {
    Block& block = blocks_[operation.slot];
    if (!std::exchange(block.counted, false)) return;
    counters_.live_bytes[index(block.domain)] -= block.bytes;
    --counters_.live_blocks;
  } else if (operation.kind == EventKind::arena_alloc || operation.kind == EventKind::arena_free) {
    take_arena(operation);
  }
}

void Accountant::allocate(const Operation& operation) {
  if (operation.slot >= blocks_.size())
    blocks_.resize(std::max(operation.slot + std::size_t{1}, 2 * blocks_.size()));
  blocks_[operation.slot] = {operation.bytes(), operation.domain, !operation.nested};
  if (operation.nested) return;
  counters_.live_bytes[index(operation.domain)] += operation.bytes();
  ++counters_.live_blocks;
}

void Accountant::take_arena(const Operation& operation) {
  std::uint64_t released = 0;
  if (operation.kind == EventKind::arena_alloc) {
    arenas_.push_back(operation.failed ? 0 : operation.size);
    counters_.arena_bytes += arenas_.back();
    counters_.arenas += operation.failed ? 0 : 1;
  } else if (operation.slot != kNoSlot) {
    released = std::exchange(arenas_[operation.slot], 0);
  }
  counters_.arena_bytes -= released;
  counters_.arenas -= released == 0 ? 0 : 1;
}

// Writes two samples for every so many events: where most was live, and the last. So the file's
// size does not depend on the trace's length, and no peak is missed.
class ChromeExporter {
 public:
  ChromeExporter(const std::string& to, const TraceMetadata& metadata, std::uint64_t events)
      : out_(to), interval_(std::max<std::uint64_t>(1, events / kIntervals)), pid_(metadata.pid) {
    const json name = metadata.command.empty() ? metadata.source : metadata.command.front();
    out_.print(
        "{{\"displayTimeUnit\":\"ms\",\"otherData\":{{\"time\":\"one microsecond is one "
        "event\"}},\"traceEvents\":[\n"
        "{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{},\"args\":{{\"name\":{}}}}}",
        pid_, dump(name));
  }

  void take(std::uint64_t number, const Operation& operation,
            const std::vector<std::string>& marks);
  void finish() {
    if (next_ % interval_ != 0) sample_both();
    out_.print("\n]}}\n");
    out_.finish();
  }

 private:
  static constexpr std::uint64_t kIntervals = 2000;

  static std::string dump(const json& value) {
    return value.dump(-1, ' ', true, json::error_handler_t::replace);
  }
  void sample_both();
  void sample(std::uint64_t number, const Counters& counters);
  void counter(std::string_view name, std::uint64_t number, const json& values);

  TextWriter out_;
  std::uint64_t interval_;
  std::int64_t pid_;
  Accountant accountant_;
  std::uint64_t next_ = 0;  // the number of the event to come
  std::uint64_t most_at_ = 0;
  Counters most_;  // when most was live since the last sample
  bool arenas_seen_ = false;
};

void ChromeExporter::take(std::uint64_t number, const Operation& operation,
                          const std::vector<std::string>& marks) {
  accountant_.take(operation);
  arenas_seen_ = arenas_seen_ || operation.kind == EventKind::arena_alloc;
  if (operation.kind == EventKind::mark) {
    const std::string& text = marks[operation.slot];
    out_.print(",\n{{\"ph\":\"i\",\"s\":\"g\",\"name\":{},\"ts\":{},\"pid\":{},\"tid\":0}}",
               dump(text.substr(0, text.find('\n'))), number, pid_);
  }
  const Counters& now = accountant_.counters();
  if (number % interval_ == 0 || now.all_live_bytes() > most_.all_live_bytes()) {
    most_ = now;
    most_at_ = number;
  }
  next_ = number + 1;
  if (next_ % interval_ == 0) sample_both();
}

void ChromeExporter::sample_both() {
  if (most_at_ != next_ - 1) sample(most_at_, most_);
  sample(next_ - 1, accountant_.counters());
}

void ChromeExporter::sample(std::uint64_t number, const Counters& counters) {
  json live = json::object();
  for (std::size_t domain = 0; domain < kDomains; ++domain)
    live[std::string(kDomainNames[domain])] = counters.live_bytes[domain];
  counter("live bytes", number, live);
  counter("live blocks", number, {{"blocks", counters.live_blocks}});
  if (!arenas_seen_) return;
  counter("mapped bytes", number, {{"arenas", counters.arena_bytes}});
  counter("arenas", number, {{"arenas", counters.arenas}});
}

void ChromeExporter::counter(std::string_view name, std::uint64_t number, const json& values) {
  out_.print(",\n{{\"ph\":\"C\",\"name\":\"{}\",\"ts\":{},\"pid\":{},\"args\":{}}}", name, number,
             pid_, values.dump());
}

std::uint64_t count_events(const std::string& path) {
  TraceReader trace = TraceReader::open(path, {.ahead = true});
  if (trace.total_events()) return *trace.total_events();
  EventBatch batch;
  std::uint64_t events = 0;
  while (trace.next(batch)) events += batch.events.size();
  return events;
}

}  // namespace

ConversionReport export_chrome(const std::string& from, const std::string& to) {
  const std::uint64_t events = count_events(from);
  TraceReader trace = TraceReader::open(from, {.ahead = true});
  ChromeExporter out(to, trace.metadata(), events);
  EventBatch batch;
  Operation operation;
  while (trace.next(batch)) {
    OperationCursor cursor(batch);
    for (std::uint64_t number = batch.first; cursor.next(operation); ++number)
      out.take(number, operation, trace.marks());
  }
  out.finish();
  return {.losses = {"only sums over time were written: live bytes and blocks, arenas and marks; "
                     "one microsecond is one event"},
          .damage = trace.damage()};
}

}  // namespace pymemlab
