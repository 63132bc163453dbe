#include "core/trace/formats/memory_replay_format.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/trace/formats/call_log.h"
#include "core/trace/formats/text_stream.h"

namespace pymemlab {
namespace {

// "TID: CALL POINTER ...": the pointer, then this many numbers; a start and an end time may follow.
struct Call {
  std::string_view name;
  std::size_t numbers;
};
constexpr std::array kCalls = {Call{"malloc", 1},   Call{"calloc", 2}, Call{"realloc", 2},
                               Call{"memalign", 2}, Call{"free", 0},   Call{"thread_done", 0}};
constexpr std::size_t kTimes = 2;

class MemoryReplayImporter {
 public:
  MemoryReplayImporter(const std::string& from, const std::string& to,
                       const TraceWriterOptions& options)
      : lines_(from),
        calls_(from, to,
               {.source = "memory_replay", .unknown = {"python", "domains", "alignment", "arenas"}},
               options, TakenAddress::late_free) {}
  ConversionReport run();

 private:
  void take_line(const std::vector<std::string_view>& words);
  [[nodiscard]] const Call& call_of(const std::vector<std::string_view>& words) const;

  LineReader lines_;
  CallLog calls_;
};

ConversionReport MemoryReplayImporter::run() {
  std::string_view line;
  while (lines_.next_whole(line)) {
    const std::vector<std::string_view> words = LineReader::words(line);
    if (!words.empty()) take_line(words);
  }
  return calls_.finish(lines_.damage());
}

const Call& MemoryReplayImporter::call_of(const std::vector<std::string_view>& words) const {
  if (words.size() >= 3 && words[0].back() == ':')
    for (const Call& call : kCalls)
      if (words[1] == call.name &&
          (words.size() == 3 + call.numbers || words.size() == 3 + call.numbers + kTimes))
        return call;
  lines_.fail(
      "wanted \"THREAD: malloc POINTER SIZE\", or calloc POINTER COUNT SIZE, realloc "
      "POINTER OLD SIZE, memalign POINTER ALIGNMENT SIZE, free POINTER, thread_done "
      "POINTER");
}

void MemoryReplayImporter::take_line(const std::vector<std::string_view>& words) {
  const Call& call = call_of(words);
  const std::string_view thread = words[0].substr(0, words[0].size() - 1);
  const std::uint64_t thread_id = lines_.count(thread, "thread");
  const std::uint64_t pointer = lines_.count(words[2], "pointer");
  const auto number = [&](std::size_t at) {
    return lines_.count(words[3 + at], at + 1 == call.numbers ? "size" : "number");
  };
  if (call.name == "thread_done") return;
  calls_.thread(thread_id);
  if (call.name == "malloc") {
    calls_.malloc(pointer, number(0));
  } else if (call.name == "calloc") {
    calls_.calloc(pointer, number(0), number(1));
  } else if (call.name == "realloc") {
    calls_.realloc(number(0), pointer, number(1));
  } else if (call.name == "memalign") {
    calls_.note("aligned requests became plain ones");
    calls_.malloc(pointer, number(1));
  } else {
    calls_.free(pointer);
  }
}

}  // namespace

ConversionReport import_memory_replay(const std::string& from, const std::string& to,
                                      const TraceWriterOptions& options) {
  return MemoryReplayImporter(from, to, options).run();
}

bool is_memory_replay(std::string_view head) noexcept {
  const std::vector<std::string_view> words = LineReader::words(head.substr(0, head.find('\n')));
  return words.size() >= 3 && words[0].back() == ':' && words[2].substr(0, 2) == "0x" &&
         std::any_of(kCalls.begin(), kCalls.end(),
                     [&](const Call& call) { return call.name == words[1]; });
}

}  // namespace pymemlab
