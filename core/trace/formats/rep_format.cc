#include "core/trace/formats/rep_format.h"

#include <algorithm>
#include <unordered_map>

#include "core/trace/formats/plain_filter.h"
#include "core/trace/formats/text_stream.h"

namespace pymemlab {
namespace {

class RepImporter {
 public:
  RepImporter(const std::string& from, const std::string& to, const TraceWriterOptions& options)
      : lines_(from), to_(to), options_(options) {}
  ConversionReport run();

 private:
  std::vector<std::string_view> next_words(std::string_view what);
  std::uint64_t header_number(std::string_view what);
  void take_operation(const std::vector<std::string_view>& words, TraceWriter& trace);
  std::uint64_t id_of(std::string_view word) const;

  LineReader lines_;
  std::string to_;
  TraceWriterOptions options_;
  std::uint64_t ids_ = 0;
  std::unordered_map<std::uint64_t, Slot> live_;  // by id
};

ConversionReport RepImporter::run() {
  options_.addresses = false;
  const std::uint64_t heap_bytes = header_number("the suggested heap size");
  ids_ = header_number("the number of ids");
  const std::uint64_t operations = header_number("the number of operations");
  const std::uint64_t weight = header_number("the weight");
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
  const std::uint64_t id = id_of(words[1]);
  const std::uint64_t size = has_size ? lines_.count(words[2], "size") : 0;
  const auto found = live_.find(id);
  if (words[0] == "a") {
    if (found != live_.end()) lines_.fail("id {} is allocated twice", id);
    live_.emplace(id, trace.malloc(Domain::mem, size));
    return;
  }
  if (found == live_.end()) lines_.fail("id {} is not allocated", id);
  if (words[0] == "r") return trace.realloc(Domain::mem, found->second, size);
  trace.free(Domain::mem, found->second);
  live_.erase(found);
}

std::uint64_t RepImporter::id_of(std::string_view word) const {
  const std::uint64_t id = lines_.count(word, "id");
  if (id >= ids_) lines_.fail("id {} is not below {}, the header's number of ids", id, ids_);
  return id;
}

class RepExporter {
 public:
  // Counts if `out` is null, so that the header can be written first.
  explicit RepExporter(TextWriter* out) : out_(out) {}

  void add(const PlainRequest& request);
  [[nodiscard]] std::uint64_t ids() const noexcept { return next_id_; }
  [[nodiscard]] std::uint64_t operations() const noexcept { return operations_; }

 private:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    ++operations_;
    if (out_ != nullptr) out_->print(format, std::forward<Args>(args)...);
  }

  TextWriter* out_;
  std::vector<std::uint64_t> ids_;  // by slot
  std::uint64_t next_id_ = 0;
  std::uint64_t operations_ = 0;
};

void RepExporter::add(const PlainRequest& request) {
  switch (request.kind) {
    case PlainRequest::Kind::resize: return line("r {} {}\n", ids_[request.slot], request.size);
    case PlainRequest::Kind::release: return line("f {}\n", ids_[request.slot]);
    default: break;
  }
  if (request.slot >= ids_.size())
    ids_.resize(std::max(request.slot + std::size_t{1}, 2 * ids_.size()));
  ids_[request.slot] = next_id_;
  line("a {} {}\n", next_id_, request.size);
  ++next_id_;
}

ConversionReport feed(const std::string& from, RepExporter& exporter) {
  PlainFilter filter({});
  TraceReader trace = TraceReader::open(from, {.ahead = true});
  EventBatch batch;
  Operation operation;
  while (trace.next(batch)) {
    OperationCursor cursor(batch);
    while (cursor.next(operation))
      if (const auto request = filter.take(operation)) exporter.add(*request);
  }
  return {.losses = filter.losses(), .damage = trace.damage()};
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
  ConversionReport report = feed(from, written);
  report.losses.insert(
      report.losses.begin(),
      "domains, addresses and metadata were left out: a .rep file has no place for them");
  out.finish();
  return report;
}

}  // namespace pymemlab
