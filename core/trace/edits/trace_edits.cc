#include "core/trace/edits/trace_edits.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/input_error.h"
#include "core/trace/chunk.h"
#include "core/trace/edits/anonymizer.h"
#include "core/trace/edits/thread_filter.h"
#include "core/trace/event_coding.h"

namespace pymemlab {
namespace {

// The stages in their order, each of which hands on to the next: slice, threads, names, file.
class Editing {
 public:
  Editing(const std::string& from, const std::string& to, const TraceEdits& edits,
          const TraceWriterOptions& options)
      : edits_(edits),
        reader_(TraceReader::open(
            from,
            {.addresses = options.addresses, .sites = keeps_sites(edits, options), .ahead = true})),
        dropped_addresses_(reader_.has_addresses() && !options.addresses),
        dropped_sites_(reader_.has_sites() && !keeps_sites(edits, options)),
        writer_(TraceWriter::create(to, first_metadata(edits), kept(options))),
        file_(writer_),
        anonymizer_(file_),
        threads_(edits.threads, after_threads()),
        slicer_(edits.slice.value_or(EventRange{}), after_slice()) {}

  ConversionReport run();

 private:
  [[nodiscard]] EventSink& after_threads() noexcept {
    if (edits_.anonymize) return anonymizer_;
    return file_;
  }
  [[nodiscard]] EventSink& after_slice() noexcept {
    if (!edits_.threads.empty()) return threads_;
    return after_threads();
  }
  // Names of files tell whose they are.
  [[nodiscard]] static bool keeps_sites(const TraceEdits& edits,
                                        const TraceWriterOptions& options) {
    return options.sites && !edits.anonymize;
  }
  [[nodiscard]] TraceWriterOptions kept(TraceWriterOptions options) const {
    options.addresses = options.addresses && reader_.has_addresses();
    options.sites = keeps_sites(edits_, options) && reader_.has_sites();
    return options;
  }
  [[nodiscard]] TraceMetadata first_metadata(const TraceEdits& edits) const {
    TraceMetadata metadata = reader_.metadata();
    if (edits.anonymize) anonymize(metadata);
    return metadata;
  }
  void copy();
  void check() const;
  [[nodiscard]] std::vector<std::string> losses() const;
  [[nodiscard]] TraceMetadata final_metadata(const std::vector<std::string>& losses);

  const TraceEdits& edits_;
  TraceReader reader_;
  bool dropped_addresses_;
  bool dropped_sites_;
  TraceWriter writer_;
  FileSink file_;
  Anonymizer anonymizer_;
  ThreadFilter threads_;
  Slicer slicer_;
};

ConversionReport Editing::run() {
  copy();
  slicer_.finish();
  check();
  ConversionReport report{.losses = losses(), .damage = reader_.damage()};
  writer_.metadata() = final_metadata(report.losses);
  writer_.finish();
  if (dropped_addresses_) report.losses.emplace_back("the addresses were dropped, as asked");
  if (dropped_sites_) report.losses.emplace_back("the sites were dropped");
  return report;
}

void Editing::copy() {
  EventBatch batch;
  Operation operation;
  while (slicer_.wants_more() && reader_.next(batch)) {
    writer_.add_sites(reader_.sites());
    OperationCursor cursor(batch);
    while (slicer_.wants_more() && cursor.next(operation)) {
      const bool is_mark = operation.kind == EventKind::mark;
      slicer_.take(operation, is_mark ? std::string_view(reader_.marks()[operation.slot]) : "");
    }
  }
}

void Editing::check() const {
  if (edits_.slice && slicer_.end() <= edits_.slice->from && edits_.slice->from != 0)
    throw InputError("{}: has {} events, so no slice of it starts at event {}", reader_.path(),
                     slicer_.end(), edits_.slice->from);
  const std::vector<Slot> idle = threads_.idle();
  if (!idle.empty())
    throw InputError("{}: thread {} does nothing here; 'pymemlab info' shows the threads there are",
                     reader_.path(), idle.front());
}

std::vector<std::string> Editing::losses() const {
  std::vector<std::string> all = slicer_.losses();
  const std::vector<std::string> of_threads = threads_.losses();
  all.insert(all.end(), of_threads.begin(), of_threads.end());
  if (anonymizer_.renamed() != 0)
    all.push_back(fmt::format("{} marks' texts became numbers", anonymizer_.renamed()));
  return all;
}

void add_once(std::vector<std::string>& names, const char* name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
}

// What the source's end says, and what became of it. A slice of a slice counts from the latter.
TraceMetadata Editing::final_metadata(const std::vector<std::string>& losses) {
  TraceMetadata metadata = reader_.metadata();
  metadata.columns = writer_.metadata().columns;
  if (edits_.slice) {
    metadata.extra["slice"] = {{"from", edits_.slice->from},
                               {"to", slicer_.end()},
                               {"prologue_events", slicer_.prologue_events()}};
    if (slicer_.prologue_events() != 0) add_once(metadata.unknown, "free space at the start");
  }
  if (!edits_.threads.empty()) {
    metadata.extra["threads"] = threads_.numbers();
    add_once(metadata.unknown, "other threads");
  }
  nlohmann::json& notes = metadata.extra["notes"];
  if (!notes.is_array()) notes = nlohmann::json::array();
  for (const std::string& loss : losses) notes.push_back(loss);
  if (notes.empty()) metadata.extra.erase("notes");
  if (edits_.anonymize) anonymize(metadata);
  return metadata;
}

}  // namespace

ConversionReport edit_trace(const std::string& from, const std::string& to, const TraceEdits& edits,
                            const TraceWriterOptions& options) {
  if (edits.slice && edits.slice->from >= edits.slice->to)
    throw InputError(
        "a slice from event {} to {} is empty: the second number is the first event "
        "that is left out",
        edits.slice->from, edits.slice->to);
  for (const Slot thread : edits.threads)
    if (thread >= kMaxContexts)
      throw InputError("there is no thread {}: their numbers are below {}", thread, kMaxContexts);
  return Editing(from, to, edits, options).run();
}

TraceWriterOptions best_writing(TraceWriterOptions options) noexcept {
  options.compression_level = 19;
  options.chunk_events = kMaxChunkEvents;
  return options;
}

bool is_part(const TraceMetadata& metadata) {
  const std::vector<std::string>& unknown = metadata.unknown;
  return std::any_of(unknown.begin(), unknown.end(), [](const std::string& what) {
    return what == "free space at the start" || what == "other threads";
  });
}

}  // namespace pymemlab
