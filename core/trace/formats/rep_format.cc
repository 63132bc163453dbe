#include "core/trace/formats/rep_format.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/trace/formats/text_stream.h"

namespace pymemlab {
namespace {

constexpr std::uint64_t kMaxIds = std::uint64_t{1} << 32;

class RepImporter {
 public:
  RepImporter(const std::string& from, const std::string& to, const TraceWriterOptions& options)
      : lines_(from), to_(to), options_(options) {}
  ConversionReport run();

 private:
  std::vector<std::string_view> next_words(std::string_view what);
  std::uint64_t header_number(std::string_view what);
  void take_operation(const std::vector<std::string_view>& words, TraceWriter& trace);
  Slot& slot_of(std::string_view word);

  LineReader lines_;
  std::string to_;
  TraceWriterOptions options_;
  std::uint64_t ids_ = 0;
  std::vector<Slot> slots_;  // by id; kNoSlot: not live
};

ConversionReport RepImporter::run() {
  options_.addresses = false;
  const std::uint64_t heap_bytes = header_number("the suggested heap size");
  ids_ = header_number("the number of ids");
  const std::uint64_t operations = header_number("the number of operations");
  const std::uint64_t weight = header_number("the weight");
  if (ids_ > kMaxIds) lines_.fail("{} ids are more than a trace can hold", ids_);
  TraceWriter trace = TraceWriter::create(
      to_,
      {.source = "rep",
       .unknown = {"python", "domains", "calloc", "threads", "failures", "addresses", "arenas"},
       .extra = {{"rep", {{"suggested_heap_bytes", heap_bytes}, {"weight", weight}}}}},
      options_);
  for (std::uint64_t i = 0; i < operations; ++i)
    take_operation(next_words("an operation, as the header promises"), trace);
  std::string_view line;
  while (lines_.next(line))
    if (!LineReader::words(line).empty())
      lines_.fail("the header promises {} operations, but more follow", operations);
  trace.finish();
  return {};
}

std::vector<std::string_view> RepImporter::next_words(std::string_view what) {
  std::string_view line;
  while (lines_.next(line)) {
    std::vector<std::string_view> words = LineReader::words(line);
    if (!words.empty()) return words;
  }
  lines_.fail("the file ends where {} was wanted", what);
}

std::uint64_t RepImporter::header_number(std::string_view what) {
  const std::vector<std::string_view> words = next_words(what);
  if (words.size() != 1) lines_.fail("wanted {}, a number alone on its line", what);
  return lines_.count(words[0], what);
}

void RepImporter::take_operation(const std::vector<std::string_view>& words, TraceWriter& trace) {
  const bool has_size = words[0] == "a" || words[0] == "r";
  if ((!has_size && words[0] != "f") || words.size() != (has_size ? 3u : 2u))
    lines_.fail("wanted \"a id size\", \"r id size\" or \"f id\"");
  if (words[0] == "f" && words[1] == "-1") return trace.free(Domain::mem, kNoSlot);
  Slot& slot = slot_of(words[1]);
  const std::uint64_t size = has_size ? lines_.count(words[2], "size") : 0;
  if (words[0] == "a") {
    if (slot != kNoSlot) lines_.fail("id {} is allocated twice", words[1]);
    slot = trace.malloc(Domain::mem, size);
    return;
  }
  if (slot == kNoSlot) lines_.fail("id {} is not allocated", words[1]);
  if (words[0] == "r") {
    trace.realloc(Domain::mem, slot, size);
  } else {
    trace.free(Domain::mem, std::exchange(slot, kNoSlot));
  }
}

Slot& RepImporter::slot_of(std::string_view word) {
  const std::uint64_t id = lines_.count(word, "id");
  if (id >= ids_) lines_.fail("id {} is not below {}, the header's number of ids", id, ids_);
  if (id >= slots_.size()) slots_.resize(std::max<std::size_t>(id + 1, 2 * slots_.size()), kNoSlot);
  return slots_[id];
}

// What .rep has no word for, and what becomes of it.
enum Loss : std::size_t {
  kCalloc,
  kFailed,
  kNested,
  kNullFree,
  kDead,
  kUnknownFree,
  kUnknownRealloc,
  kArena,
  kContext,
  kMark,
  kLosses
};
constexpr std::array<std::string_view, kLosses> kLossSentences = {
    "calloc requests became plain allocations of count x size bytes",
    "failed requests were left out",
    "requests that an allocator made itself were left out",
    "frees of no block were left out",
    "frees and reallocs of dead blocks were left out",
    "frees of blocks that the trace has not seen were left out",
    "reallocs of blocks that the trace has not seen became allocations",
    "arena requests and releases were left out",
    "switches of thread or interpreter and beginnings of reallocs were left out",
    "marks were left out"};

class RepExporter {
 public:
  // Counts if `out` is null, so that the header can be written first.
  explicit RepExporter(TextWriter* out) : out_(out) {}

  void add(const Operation& operation);
  [[nodiscard]] std::uint64_t ids() const noexcept { return next_id_; }
  [[nodiscard]] std::uint64_t operations() const noexcept { return operations_; }
  [[nodiscard]] std::vector<std::string> losses() const;

 private:
  static constexpr std::uint64_t kDeadId = ~std::uint64_t{0};

  void allocate(const Operation& operation);
  void resize(const Operation& operation);
  void release(const Operation& operation);
  [[nodiscard]] std::uint64_t& id_of(Slot slot);
  [[nodiscard]] bool frees_known_block(const Operation& operation) const;
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    ++operations_;
    if (out_ != nullptr) out_->print(format, std::forward<Args>(args)...);
  }

  TextWriter* out_;
  std::vector<std::uint64_t> ids_;  // by slot
  std::uint64_t next_id_ = 0;
  std::uint64_t operations_ = 0;
  std::array<std::uint64_t, kLosses> lost_{};
};

void RepExporter::add(const Operation& operation) {
  if (operation.nested && !frees_known_block(operation)) {
    ++lost_[kNested];
    if (takes_new_slot(operation.kind) && !operation.failed) id_of(operation.slot) = kDeadId;
    return;
  }
  switch (operation.kind) {
    case EventKind::malloc:
    case EventKind::calloc:
    case EventKind::realloc_null:
    case EventKind::realloc_unknown: return allocate(operation);
    case EventKind::realloc: return resize(operation);
    case EventKind::free: return release(operation);
    case EventKind::free_unknown: ++lost_[kUnknownFree]; return;
    case EventKind::arena_alloc:
    case EventKind::arena_free: ++lost_[kArena]; return;
    case EventKind::realloc_begin:
    case EventKind::thread:
    case EventKind::interpreter: ++lost_[kContext]; return;
    case EventKind::mark: ++lost_[kMark]; return;
  }
}

void RepExporter::allocate(const Operation& operation) {
  if (operation.failed) {
    ++lost_[kFailed];
    return;
  }
  if (operation.kind == EventKind::calloc) ++lost_[kCalloc];
  if (operation.kind == EventKind::realloc_unknown) ++lost_[kUnknownRealloc];
  id_of(operation.slot) = next_id_;
  line("a {} {}\n", next_id_, operation.bytes());
  ++next_id_;
}

std::uint64_t& RepExporter::id_of(Slot slot) {
  if (slot >= ids_.size()) ids_.resize(std::max(slot + std::size_t{1}, 2 * ids_.size()), kDeadId);
  return ids_[slot];
}

// Under tracemalloc, an allocator frees blocks of its own that were requested at top level.
bool RepExporter::frees_known_block(const Operation& operation) const {
  return operation.kind == EventKind::free && operation.slot < ids_.size() &&
         ids_[operation.slot] != kDeadId;
}

void RepExporter::resize(const Operation& operation) {
  if (operation.failed || ids_[operation.slot] == kDeadId) {
    ++lost_[operation.failed ? kFailed : kDead];
    return;
  }
  line("r {} {}\n", ids_[operation.slot], operation.size);
}

void RepExporter::release(const Operation& operation) {
  if (operation.slot == kNoSlot || ids_[operation.slot] == kDeadId) {
    ++lost_[operation.slot == kNoSlot ? kNullFree : kDead];
    return;
  }
  line("f {}\n", std::exchange(ids_[operation.slot], kDeadId));
}

std::vector<std::string> RepExporter::losses() const {
  std::vector<std::string> sentences = {
      "domains, addresses and metadata were left out: a .rep file has no place for them"};
  for (std::size_t i = 0; i < kLosses; ++i)
    if (lost_[i] != 0) sentences.push_back(fmt::format("{} {}", lost_[i], kLossSentences[i]));
  return sentences;
}

std::optional<std::string> feed(const std::string& from, RepExporter& exporter) {
  TraceReader trace = TraceReader::open(from);
  EventBatch batch;
  Operation operation;
  while (trace.next(batch)) {
    OperationCursor cursor(batch);
    while (cursor.next(operation)) exporter.add(operation);
  }
  return trace.damage();
}

}  // namespace

ConversionReport import_rep(const std::string& from, const std::string& to,
                            const TraceWriterOptions& options) {
  return RepImporter(from, to, options).run();
}

ConversionReport export_rep(const std::string& from, const std::string& to) {
  RepExporter counted(nullptr);
  feed(from, counted);
  constexpr std::uint64_t kSuggestedHeapBytes = 0;
  constexpr std::uint64_t kWeight = 1;
  TextWriter out(to);
  out.print("{}\n{}\n{}\n{}\n", kSuggestedHeapBytes, counted.ids(), counted.operations(), kWeight);
  RepExporter written(&out);
  ConversionReport report;
  report.damage = feed(from, written);
  report.losses = written.losses();
  out.finish();
  return report;
}

}  // namespace pymemlab
