#include "core/trace/formats/heaptrack_format.h"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/trace/formats/call_log.h"
#include "core/trace/formats/text_stream.h"

namespace pymemlab {
namespace {

// An interpreted file's events: each names a kind of allocation, which has a size and a backtrace.
// Which of the live ones of that kind a free means, the file does not say: the newest is taken.
class PairedLog {
 public:
  PairedLog(const LineReader& lines, const std::string& to, TraceMetadata metadata,
            const TraceWriterOptions& options)
      : lines_(lines), trace_(TraceWriter::create(to, std::move(metadata), options)) {}

  void define(std::uint64_t size) { kinds_.push_back({.size = size, .live = {}}); }
  void allocate(std::uint64_t kind) {
    Kind& of = known(kind);
    of.live.push_back(trace_.malloc(Domain::libc, of.size));
  }
  void free(std::uint64_t kind) {
    Kind& of = known(kind);
    if (of.live.empty()) lines_.fail("allocation {:x} is freed more often than it was made", kind);
    trace_.free(Domain::libc, of.live.back());
    of.live.pop_back();
  }
  void finish() { trace_.finish(); }

 private:
  struct Kind {
    std::uint64_t size = 0;
    std::vector<Slot> live;  // in the order of their allocation
  };
  Kind& known(std::uint64_t kind) {
    if (kind >= kinds_.size())
      lines_.fail("allocation {:x} is not defined: there are {:x} up to here", kind, kinds_.size());
    return kinds_[kind];
  }

  const LineReader& lines_;
  TraceWriter trace_;
  std::vector<Kind> kinds_;
};

class HeaptrackImporter {
 public:
  HeaptrackImporter(const std::string& from, const std::string& to,
                    const TraceWriterOptions& options)
      : lines_(from), from_(from), to_(to), options_(options) {}
  ConversionReport run();

 private:
  using Words = std::vector<std::string_view>;

  void take_version(std::string_view line);
  void take_line(std::string_view line);
  void take_kind(const Words& words);
  void take_allocation(const Words& words);
  void take_free(const Words& words);
  CallLog& raw();
  PairedLog& interpreted();
  void want(const Words& words, std::size_t least, std::string_view line) const {
    if (words.size() < least) lines_.fail("wanted \"{}\"", line);
  }

  LineReader lines_;
  std::string from_;
  std::string to_;
  TraceWriterOptions options_;
  TraceMetadata metadata_{.source = "heaptrack",
                          .unknown = {"python", "domains", "calloc", "reallocs", "alignment",
                                      "threads", "failures", "arenas"}};
  std::optional<CallLog> raw_;  // one of the two, from the first event on
  std::optional<PairedLog> interpreted_;
};

ConversionReport HeaptrackImporter::run() {
  std::string_view line;
  if (!lines_.next_whole(line)) lines_.fail("wanted heaptrack's version line, \"v VERSION FILE\"");
  take_version(line);
  while (lines_.next_whole(line)) take_line(line);
  if (!interpreted_) return raw().finish(lines_.damage());
  interpreted_->finish();
  return {.losses = {}, .damage = lines_.damage()};
}

void HeaptrackImporter::take_version(std::string_view line) {
  constexpr std::uint64_t kNewest = 3;
  const Words words = LineReader::words(line);
  if (words.size() < 2 || words[0] != "v")
    lines_.fail("wanted heaptrack's version line, \"v VERSION FILE\"");
  const std::uint64_t version = words.size() < 3 ? 0 : lines_.bare_hex(words[2], "file version");
  if (version > kNewest)
    lines_.fail("file version {} is newer than {}, the newest that is read", version, kNewest);
}

void HeaptrackImporter::take_line(std::string_view line) {
  if (line.empty()) return;
  switch (line[0]) {
    case '+': return take_allocation(LineReader::words(line));
    case '-': return take_free(LineReader::words(line));
    case 'a': return take_kind(LineReader::words(line));
    case 'X':
      for (const std::string_view word : LineReader::words(line.substr(1)))
        metadata_.command.emplace_back(word);
      return;
    case 'A': metadata_.unknown.emplace_back("start"); return;
    // Strings, places, backtraces, the program, modules, the clock, resident pages, the page size,
    // suppressions and comments.
    case 's':
    case 'i':
    case 't':
    case 'x':
    case 'm':
    case 'c':
    case 'R':
    case 'I':
    case 'S':
    case '#': return;
    default: lines_.fail("\"{}\" starts no line of heaptrack's", line[0]);
  }
}

void HeaptrackImporter::take_kind(const Words& words) {
  want(words, 3, "a SIZE TRACE");
  if (raw_) lines_.fail("an interpreted file's line in a raw file");
  interpreted().define(lines_.bare_hex(words[1], "size"));
}

void HeaptrackImporter::take_allocation(const Words& words) {
  if (words.size() == 2) {
    if (raw_) lines_.fail("an interpreted file's line in a raw file");
    return interpreted().allocate(lines_.bare_hex(words[1], "allocation"));
  }
  want(words, 4, "+ SIZE TRACE ADDRESS");
  if (interpreted_) lines_.fail("a raw file's line in an interpreted file");
  const std::uint64_t size = lines_.bare_hex(words[1], "size");
  raw().malloc(lines_.bare_hex(words[3], "address"), size);
}

void HeaptrackImporter::take_free(const Words& words) {
  want(words, 2, "- ADDRESS");
  if (interpreted_) return interpreted_->free(lines_.bare_hex(words[1], "allocation"));
  raw().free(lines_.bare_hex(words[1], "address"));
}

CallLog& HeaptrackImporter::raw() {
  if (!raw_) raw_.emplace(from_, to_, metadata_, options_, TakenAddress::lost_free);
  return *raw_;
}

PairedLog& HeaptrackImporter::interpreted() {
  if (!interpreted_) {
    options_.addresses = false;
    metadata_.unknown.insert(metadata_.unknown.end(), {"addresses", "which block is freed"});
    interpreted_.emplace(lines_, to_, metadata_, options_);
  }
  return *interpreted_;
}

}  // namespace

ConversionReport import_heaptrack(const std::string& from, const std::string& to,
                                  const TraceWriterOptions& options) {
  return HeaptrackImporter(from, to, options).run();
}

bool is_heaptrack(std::string_view head) noexcept {
  if (head.substr(0, 2) != "v ") return false;
  const std::string_view line = head.substr(0, head.find('\n'));
  return line.find_first_not_of("0123456789abcdef ", 2) == std::string_view::npos;
}

}  // namespace pymemlab
