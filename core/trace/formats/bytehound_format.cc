#include "core/trace/formats/bytehound_format.h"

#include <array>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/os/file.h"
#include "core/trace/formats/byte_reader.h"
#include "core/trace/formats/plain_filter.h"
#include "core/trace/little_endian.h"

namespace pymemlab {
namespace {

// A file is words of 8 bytes: the number of slots, then operations of four words each: what, slot,
// microseconds, size; at the end a single word 0.
enum Word : std::uint64_t {
  kEnd = 0,
  kAllocate = 1,
  kFree = 2,
  kRealloc = 3,
  kGoDown = 4,  // the slot is a stack frame's number
  kGoUp = 5,
};
constexpr std::size_t kWordBytes = 8;
constexpr std::size_t kMoreWords = 3;  // of an operation behind its first

struct Step {
  std::uint64_t what = kEnd;
  std::uint64_t slot = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
};

class BytehoundImporter {
 public:
  BytehoundImporter(const std::string& from, const std::string& to,
                    const TraceWriterOptions& options)
      : input_(from),
        trace_(TraceWriter::create(to,
                                   {.source = "bytehound",
                                    .unknown = {"python", "domains", "calloc", "alignment",
                                                "threads", "failures", "addresses", "arenas"}},
                                   without_addresses(options))) {}
  ConversionReport run();

 private:
  static TraceWriterOptions without_addresses(TraceWriterOptions options) {
    options.addresses = false;
    return options;
  }
  // Nothing at the end of the file.
  std::optional<Step> next();
  void take(const Step& step);

  ByteReader input_;
  TraceWriter trace_;
  std::uint64_t slots_ = 0;
  std::unordered_map<std::uint64_t, Slot> live_;  // bytehound's slot -> ours
};

ConversionReport BytehoundImporter::run() {
  const auto head = input_.take(kWordBytes);
  if (!head) input_.fail_at(0, "no replay file: wanted the number of slots in 8 bytes");
  slots_ = get_fixed<std::uint64_t>(head->data());
  ConversionReport report;
  for (;;) {
    const std::optional<Step> step = next();
    if (!step) {
      report.damage = fmt::format("{}: is cut off at byte {}; what is before it was read",
                                  input_.path(), input_.offset());
      break;
    }
    if (step->what == kEnd) break;
    take(*step);
  }
  if (!report.damage && !input_.at_end())
    input_.fail_at(input_.offset(), "more follows behind the word 0 that ends a replay file");
  trace_.finish();
  return report;
}

std::optional<Step> BytehoundImporter::next() {
  Step step{.offset = input_.offset()};
  const auto what = input_.take(kWordBytes);
  if (!what) return std::nullopt;
  step.what = get_fixed<std::uint64_t>(what->data());
  if (step.what == kEnd) return step;
  if (step.what > kGoUp)
    input_.fail_at(step.offset, "operation {}: wanted 0 to {}", step.what,
                   static_cast<std::uint64_t>(kGoUp));
  const auto rest = input_.take(kMoreWords * kWordBytes);
  if (!rest) return std::nullopt;
  step.slot = get_fixed<std::uint64_t>(rest->data());
  step.size = get_fixed<std::uint64_t>(rest->data() + 2 * kWordBytes);
  return step;
}

void BytehoundImporter::take(const Step& step) {
  if (step.what == kGoDown || step.what == kGoUp) return;
  if (step.slot >= slots_)
    input_.fail_at(step.offset, "slot {} is not below {}, the file's number of slots", step.slot,
                   slots_);
  const auto found = live_.find(step.slot);
  if (step.what == kAllocate) {
    if (found != live_.end()) input_.fail_at(step.offset, "slot {} is taken twice", step.slot);
    live_.emplace(step.slot, trace_.malloc(Domain::libc, step.size));
    return;
  }
  if (found == live_.end()) input_.fail_at(step.offset, "slot {} is not taken", step.slot);
  if (step.what == kRealloc) return trace_.realloc(Domain::libc, found->second, step.size);
  trace_.free(Domain::libc, found->second);
  live_.erase(found);
}

class BytehoundExporter {
 public:
  explicit BytehoundExporter(const std::string& to) : file_(File::open_to_write(to)) {}

  void start(Slot slots) { put(slots); }
  // `time` in microseconds.
  void add(const PlainRequest& request, std::uint64_t time) {
    const bool release = request.kind == PlainRequest::Kind::release;
    const bool resize = request.kind == PlainRequest::Kind::resize;
    put(release ? kFree : resize ? kRealloc : kAllocate);
    put(request.slot);
    put(time);
    put(request.size);
    if (buffer_.size() >= kFlushBytes) flush();
  }
  void finish() {
    put(kEnd);
    flush();
    file_.close();
  }

 private:
  static constexpr std::size_t kFlushBytes = 1u << 16;
  void put(std::uint64_t word) { put_fixed(buffer_, word); }
  void flush() {
    file_.write(std::as_bytes(std::span(buffer_)));
    buffer_.clear();
  }

  File file_;
  std::vector<std::uint8_t> buffer_;
};

// The number of slots a trace uses, which stands at a replay file's head.
Slot count_slots(const std::string& path) {
  TraceReader trace = TraceReader::open(path, {.ahead = true});
  EventBatch batch;
  while (trace.next(batch)) continue;
  return trace.slots();
}

}  // namespace

ConversionReport import_bytehound(const std::string& from, const std::string& to,
                                  const TraceWriterOptions& options) {
  return BytehoundImporter(from, to, options).run();
}

ConversionReport export_bytehound(const std::string& from, const std::string& to) {
  const Slot slots = count_slots(from);
  TraceReader trace = TraceReader::open(from, {.ahead = true});
  BytehoundExporter out(to);
  out.start(slots);
  PlainFilter filter({});
  EventBatch batch;
  Operation operation;
  while (trace.next(batch)) {
    OperationCursor cursor(batch);
    for (std::uint64_t number = batch.first; cursor.next(operation); ++number)
      if (const auto request = filter.take(operation)) out.add(*request, number);
  }
  out.finish();
  ConversionReport report{.losses = filter.losses(), .damage = trace.damage()};
  report.losses.insert(report.losses.begin(),
                       "domains, addresses and metadata were left out, and the time is the event's "
                       "number: a replay file has no place for them");
  return report;
}

}  // namespace pymemlab
