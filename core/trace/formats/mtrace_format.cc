#include "core/trace/formats/mtrace_format.h"

#include <optional>
#include <string_view>
#include <vector>

#include "core/trace/formats/call_log.h"
#include "core/trace/formats/text_stream.h"

namespace pymemlab {
namespace {

// One line: [ "@" CALLER ] SIGN ADDRESS [ SIZE ]. The caller may contain blanks.
class MtraceImporter {
 public:
  MtraceImporter(const std::string& from, const std::string& to, const TraceWriterOptions& options)
      : lines_(from),
        calls_(from, to,
               {.source = "mtrace",
                .unknown = {"python", "domains", "calloc", "alignment", "threads", "arenas"}},
               options, TakenAddress::lost_free) {}
  ConversionReport run();

 private:
  void take_line(std::string_view line);
  void take_call(char sign, std::uint64_t address, std::uint64_t size);
  std::uint64_t address(std::string_view word) const;

  LineReader lines_;
  CallLog calls_;
  std::optional<std::uint64_t> resized_;  // the block of a realloc whose other line is to come
};

ConversionReport MtraceImporter::run() {
  std::string_view line;
  while (lines_.next_whole(line)) take_line(line);
  return calls_.finish(lines_.damage());
}

void MtraceImporter::take_line(std::string_view line) {
  const std::vector<std::string_view> words = LineReader::words(line);
  if (words.empty() || words[0] == "=") return;
  constexpr std::string_view kWithSize = "+>!";
  constexpr std::string_view kWithout = "-<";
  const auto sign_at = [&](std::size_t from_end, std::string_view signs) {
    return words.size() >= from_end && words[words.size() - from_end].size() == 1 &&
           signs.find(words[words.size() - from_end][0]) != std::string_view::npos;
  };
  if (sign_at(3, kWithSize)) {
    const std::uint64_t size = lines_.count(words.back(), "size");
    take_call(words[words.size() - 3][0], address(words[words.size() - 2]), size);
  } else if (sign_at(2, kWithout)) {
    take_call(words[words.size() - 2][0], address(words.back()), 0);
  } else {
    lines_.fail(
        "wanted \"@ CALLER\" and \"+ ADDRESS SIZE\", \"- ADDRESS\", \"< ADDRESS\", "
        "\"> ADDRESS SIZE\" or \"! ADDRESS SIZE\"");
  }
}

void MtraceImporter::take_call(char sign, std::uint64_t address, std::uint64_t size) {
  if (resized_ && sign != '>') lines_.fail("wanted the \">\" that belongs to the \"<\" before");
  switch (sign) {
    case '+': return calls_.malloc(address, size);
    case '-': return calls_.free(address);
    case '<': resized_ = address; return;
    case '!': return calls_.realloc(address, 0, size);
    default: break;
  }
  if (!resized_) lines_.fail("a \">\" without its \"<\" before");
  if (*resized_ == 0 || address == 0) lines_.fail("a realloc that succeeded names no block");
  calls_.realloc(*resized_, address, size);
  resized_.reset();
}

std::uint64_t MtraceImporter::address(std::string_view word) const {
  return word == "(nil)" ? 0 : lines_.count(word, "address");
}

}  // namespace

ConversionReport import_mtrace(const std::string& from, const std::string& to,
                               const TraceWriterOptions& options) {
  return MtraceImporter(from, to, options).run();
}

bool is_mtrace(std::string_view head) noexcept { return head.substr(0, 7) == "= Start"; }

}  // namespace pymemlab
