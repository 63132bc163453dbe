#include "core/trace/formats/text_format.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "core/trace/event_coding.h"
#include "core/trace/formats/text_stream.h"

namespace pymemlab {
namespace {

using nlohmann::json;

constexpr std::string_view kFirstLine = "pymemlab-trace-text 1";

// Each kind's word and, behind the domain, its operands in order: s slot (- for none), z size,
// c count, a address, o the unknown block's address, n number, t a JSON string.
struct Verb {
  EventKind kind;
  std::string_view word;
  std::string_view operands;
};
constexpr std::array<Verb, kEventKinds> kVerbs = {
    Verb{EventKind::malloc, "m", "z"},
    Verb{EventKind::calloc, "c", "cz"},
    Verb{EventKind::realloc, "r", "sz"},
    Verb{EventKind::free, "f", "s"},
    Verb{EventKind::realloc_null, "rn", "z"},
    Verb{EventKind::realloc_unknown, "ru", "oz"},
    Verb{EventKind::free_unknown, "fu", "a"},
    Verb{EventKind::realloc_begin, "rb", "s"},
    Verb{EventKind::arena_alloc, "arena+", "za"},
    Verb{EventKind::arena_free, "arena-", "s"},
    Verb{EventKind::thread, "thread", "n"},
    Verb{EventKind::interpreter, "interpreter", "n"},
    Verb{EventKind::mark, "mark", "t"},
};
constexpr bool verbs_in_order() {
  for (std::size_t i = 0; i < kVerbs.size(); ++i)
    if (kVerbs[i].kind != static_cast<EventKind>(i)) return false;
  return true;
}
static_assert(verbs_in_order());

class TextImporter {
 public:
  TextImporter(const std::string& from, std::string to, const TraceWriterOptions& options)
      : lines_(from), to_(std::move(to)), options_(options) {}
  ConversionReport run();

 private:
  void take_line(std::string_view line);
  void take_metadata(std::string_view text);
  void take_event(const Verb& verb, std::string_view line);
  void take_operands(const Verb& verb, Operation& operation);
  void take_arena_release(Operation& operation);
  void take_suffixes(Operation& operation, std::optional<std::uint64_t>& expected_slot);
  void take_mark(std::string_view line);
  void take_site(std::string_view text);
  void check(const Operation& operation);
  void append(const Operation& operation, std::optional<std::uint64_t> expected_slot);
  std::string_view word(std::string_view what);
  Slot slot(std::string_view what);
  TraceWriter& writer();

  LineReader lines_;
  std::string to_;
  TraceWriterOptions options_;
  TraceMetadata metadata_{.source = "text"};
  std::optional<TraceWriter> writer_;
  std::vector<std::string_view> words_;
  std::size_t next_word_ = 0;
  std::uint64_t arenas_ = 0;
  SiteNumber sites_ = 0;
};

ConversionReport TextImporter::run() {
  std::string_view line;
  if (!lines_.next(line) || line != kFirstLine)
    lines_.fail("not a trace as text of a version we read: wanted \"{}\" as the first line",
                kFirstLine);
  while (lines_.next(line)) take_line(line);
  TraceWriter& trace = writer();
  const std::vector<std::string> columns = trace.metadata().columns;
  trace.metadata() = metadata_;
  trace.metadata().columns = columns;
  trace.finish();
  return {};
}

void TextImporter::take_line(std::string_view line) {
  const std::size_t start = line.find_first_not_of(" \t");
  if (start == std::string_view::npos || line[start] == '#') return;
  line.remove_prefix(start);
  words_ = LineReader::words(line);
  next_word_ = 1;
  if (words_[0] == "meta") return take_metadata(line.substr(4));
  if (words_[0] == "site") return take_site(line.substr(4));
  const auto verb = std::find_if(kVerbs.begin(), kVerbs.end(),
                                 [this](const Verb& v) { return v.word == words_[0]; });
  if (verb == kVerbs.end())
    lines_.fail(
        "\"{}\" is no event: wanted m, c, r, f, rn, ru, fu, rb, arena+, arena-, thread, "
        "interpreter, mark, site or meta",
        words_[0]);
  take_event(*verb, line);
}

void TextImporter::take_metadata(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (object.is_discarded()) lines_.fail("the metadata is no JSON on one line");
  metadata_ = metadata_from_json(object, lines_.place());
}

// The head of the trace needs the metadata, so it is written when the first event is met.
TraceWriter& TextImporter::writer() {
  if (!writer_) {
    const std::vector<std::string>& columns = metadata_.columns;
    const auto has = [&](const char* column) {
      return std::find(columns.begin(), columns.end(), column) != columns.end();
    };
    options_.addresses = options_.addresses && has("address");
    options_.sites = options_.sites && has("site");
    writer_ = TraceWriter::create(to_, metadata_, options_);
  }
  return *writer_;
}

void TextImporter::take_event(const Verb& verb, std::string_view line) {
  if (verb.kind == EventKind::mark) return take_mark(line);
  Operation operation{.kind = verb.kind};
  if (is_request(verb.kind)) {
    const std::string_view name = word("a domain");
    const auto domain = std::find(kDomainNames.begin(), kDomainNames.end(), name);
    if (domain == kDomainNames.end())
      lines_.fail("\"{}\" is no domain: wanted raw, mem, obj or libc", name);
    operation.domain = static_cast<Domain>(domain - kDomainNames.begin());
  }
  if (verb.kind == EventKind::arena_free) {
    take_arena_release(operation);
  } else {
    take_operands(verb, operation);
  }
  std::optional<std::uint64_t> expected_slot;
  take_suffixes(operation, expected_slot);
  check(operation);
  append(operation, expected_slot);
}

void TextImporter::take_operands(const Verb& verb, Operation& operation) {
  for (const char operand : verb.operands) {
    switch (operand) {
      case 's': operation.slot = slot("slot"); break;
      case 'n': operation.slot = slot("number"); break;
      case 'z': operation.size = lines_.count(word("a size"), "size"); break;
      case 'c': operation.count = lines_.count(word("a count"), "count"); break;
      case 'a': operation.address = lines_.count(word("an address"), "address"); break;
      default: operation.old_address = lines_.count(word("an address"), "address"); break;
    }
  }
}

// "arena- 3", or "arena- - SIZE BASE" for one that the trace has not seen.
void TextImporter::take_arena_release(Operation& operation) {
  operation.slot = slot("arena");
  if (operation.slot == kNoSlot) {
    operation.size = lines_.count(word("a size"), "size");
    operation.address = lines_.count(word("an address"), "address");
  }
}

void TextImporter::take_suffixes(Operation& operation,
                                 std::optional<std::uint64_t>& expected_slot) {
  for (; next_word_ < words_.size(); ++next_word_) {
    const std::string_view suffix = words_[next_word_];
    const bool request = is_request(operation.kind);
    if (suffix[0] == '#') return;
    if (suffix == "nested" && request) {
      operation.nested = true;
    } else if (suffix == "failed" && request && may_fail(operation.kind)) {
      operation.failed = true;
    } else if (suffix[0] == '=' && takes_new_slot(operation.kind)) {
      expected_slot = lines_.count(suffix.substr(1), "slot");
    } else if (suffix[0] == '@' && has_size(operation.kind)) {
      operation.address = lines_.count(suffix.substr(1), "address");
    } else if (suffix[0] == '!' && has_size(operation.kind)) {
      operation.site = static_cast<SiteNumber>(
          std::min<std::uint64_t>(lines_.count(suffix.substr(1), "site"), kMaxSites));
      if (operation.site > sites_)
        lines_.fail("site {} was not told: there are {} up to here", operation.site, sites_);
    } else {
      lines_.fail("\"{}\" may not stand here", suffix);
    }
  }
}

void TextImporter::take_mark(std::string_view line) {
  const std::size_t start = line.find_first_not_of(" \t", 4);
  const json text =
      json::parse(start == std::string_view::npos ? "" : line.substr(start), nullptr, false);
  if (!text.is_string()) lines_.fail("wanted the mark's text as a JSON string behind \"mark\"");
  if (text.get_ref<const std::string&>().size() > kMaxMarkBytes)
    lines_.fail("the mark's text is longer than {} bytes", kMaxMarkBytes);
  writer().mark(text.get_ref<const std::string&>());
}

// {"caller": a site's number or 0, "line": ..., "file": ..., "function": ...}; sites are numbered
// from 1 in their order.
void TextImporter::take_site(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  const auto is_number = [&](const char* key) {
    return object.contains(key) && object[key].is_number_unsigned();
  };
  const auto is_text = [&](const char* key) {
    return object.contains(key) && object[key].is_string();
  };
  if (!object.is_object() || !is_number("caller") || !is_number("line") || !is_text("file") ||
      !is_text("function"))
    lines_.fail(
        "wanted the site as a JSON object with the numbers caller and line and the texts file and "
        "function");
  const auto caller = object["caller"].get<std::uint64_t>();
  const auto line = object["line"].get<std::uint64_t>();
  if (caller > sites_)
    lines_.fail("caller {} was not told: there are {} sites up to here", caller, sites_);
  if (line > std::numeric_limits<std::uint32_t>::max()) lines_.fail("line {} is too large", line);
  if (sites_ == kMaxSites) lines_.fail("a trace has at most {} sites", kMaxSites);
  sites_ = writer().add_site({.caller = static_cast<SiteNumber>(caller),
                              .line = static_cast<std::uint32_t>(line),
                              .file = object["file"].get<std::string>(),
                              .function = object["function"].get<std::string>()});
}

std::string_view TextImporter::word(std::string_view what) {
  if (next_word_ == words_.size()) lines_.fail("the line ends where {} was wanted", what);
  return words_[next_word_++];
}

Slot TextImporter::slot(std::string_view what) {
  const std::string_view text = word(fmt::format("a {}", what));
  if (text == "-") return kNoSlot;
  const std::uint64_t value = lines_.count(text, what);
  if (value >= kNoSlot) lines_.fail("{} {} is too large", what, value);
  return static_cast<Slot>(value);
}

void TextImporter::check(const Operation& operation) {
  const bool none = operation.slot == kNoSlot;
  if (names_block(operation.kind)) {
    if (none && operation.kind != EventKind::free) lines_.fail("only free may name no block");
    if (!none && operation.slot >= writer().slots())
      lines_.fail("slot {} was never taken: {} slots are in use up to here", operation.slot,
                  writer().slots());
  } else if (operation.kind == EventKind::arena_free) {
    if (!none && operation.slot >= arenas_)
      lines_.fail("arena {} was never requested: there are {}", operation.slot, arenas_);
  } else if (has_name(operation.kind) && operation.slot >= kMaxContexts) {
    lines_.fail("numbers of threads and interpreters stay below {}", kMaxContexts);
  }
  if (operation.count != 0 &&
      operation.size > std::numeric_limits<std::uint64_t>::max() / operation.count)
    lines_.fail("{} x {} bytes do not fit 64 bits", operation.count, operation.size);
}

void TextImporter::append(const Operation& operation, std::optional<std::uint64_t> expected_slot) {
  if (operation.kind == EventKind::arena_alloc) ++arenas_;
  const Slot taken = writer().append(operation);
  if (expected_slot && !operation.failed && *expected_slot != taken)
    lines_.fail("the line says slot {}, but the newest free slot is {}", *expected_slot, taken);
}

class TextExporter {
 public:
  explicit TextExporter(const std::string& to) : out_(to) {}

  void start(const TraceMetadata& metadata) {
    out_.print("{}\n", kFirstLine);
    print_metadata(metadata);
  }
  void print_metadata(const TraceMetadata& metadata) {
    out_.print("meta {}\n", to_json(metadata).dump(-1, ' ', false, json::error_handler_t::replace));
  }
  // What the table has beyond what was printed.
  void print_sites(const SiteTable& sites);
  void print(const Operation& operation, const std::vector<std::string>& marks);
  void finish() { out_.finish(); }

 private:
  void print_slot(Slot slot) {
    if (slot == kNoSlot) {
      out_.print(" -");
    } else {
      out_.print(" {}", slot);
    }
  }
  void print_operand(char operand, const Operation& operation,
                     const std::vector<std::string>& marks);

  TextWriter out_;
  std::size_t printed_sites_ = 0;
};

void TextExporter::print(const Operation& operation, const std::vector<std::string>& marks) {
  const Verb& verb = kVerbs[static_cast<std::size_t>(operation.kind)];
  out_.print("{}", verb.word);
  if (is_request(operation.kind)) out_.print(" {}", name(operation.domain));
  for (const char operand : verb.operands) print_operand(operand, operation, marks);
  if (operation.kind == EventKind::arena_free && operation.slot == kNoSlot)
    out_.print(" {} {:#x}", operation.size, operation.address);
  if (operation.nested) out_.print(" nested");
  if (operation.failed && operation.kind != EventKind::arena_alloc) out_.print(" failed");
  if (takes_new_slot(operation.kind) && !operation.failed) out_.print(" ={}", operation.slot);
  if (has_size(operation.kind) && !operation.failed && operation.address != 0)
    out_.print(" @{:#x}", operation.address);
  if (operation.site != kNoSite) out_.print(" !{}", operation.site);
  out_.print("\n");
}

void TextExporter::print_sites(const SiteTable& sites) {
  for (; printed_sites_ < sites.size(); ++printed_sites_) {
    const Site& site = sites[printed_sites_];
    const nlohmann::ordered_json object = {{"caller", site.caller},
                                           {"line", site.line},
                                           {"file", site.file},
                                           {"function", site.function}};
    out_.print("site {}\n",
               object.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
  }
}

void TextExporter::print_operand(char operand, const Operation& operation,
                                 const std::vector<std::string>& marks) {
  switch (operand) {
    case 's': print_slot(operation.slot); break;
    case 'n': out_.print(" {}", operation.slot); break;
    case 'z': out_.print(" {}", operation.size); break;
    case 'c': out_.print(" {}", operation.count); break;
    case 'a': out_.print(" {:#x}", operation.address); break;
    case 'o': out_.print(" {:#x}", operation.old_address); break;
    default:
      out_.print(" {}",
                 json(marks[operation.slot]).dump(-1, ' ', true, json::error_handler_t::replace));
      break;
  }
}

}  // namespace

ConversionReport import_text(const std::string& from, const std::string& to,
                             const TraceWriterOptions& options) {
  return TextImporter(from, to, options).run();
}

bool is_text(std::string_view head) noexcept {
  return head.substr(0, kFirstLine.size()) == kFirstLine;
}

ConversionReport export_text(const std::string& from, const std::string& to) {
  TraceReader trace = TraceReader::open(from, {.addresses = true, .sites = true, .ahead = true});
  TextExporter text(to);
  const TraceMetadata head = trace.metadata();
  text.start(head);
  EventBatch batch;
  Operation operation;
  while (trace.next(batch)) {
    text.print_sites(trace.sites());
    OperationCursor cursor(batch);
    while (cursor.next(operation)) text.print(operation, trace.marks());
  }
  if (!(trace.metadata() == head)) text.print_metadata(trace.metadata());
  text.finish();
  return {.losses = {}, .damage = trace.damage()};
}

}  // namespace pymemlab
