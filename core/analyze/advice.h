// What to set, what that gains and costs, where the memory goes and what no setting will fix: from
// figures to plain sentences. A pure function; docs/advise.md says how each sentence is derived.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/analyze/arena_pinning.h"
#include "core/measure/footprint.h"

namespace pymemlab {

// A configuration's figures.
struct SettingFigures {
  std::string configuration = {};
  double ns_per_request = 0;              // the median round's; 0: not timed
  std::uint64_t peak_resident_bytes = 0;  // the kernel's count
  FootprintSample peak = {};              // at peak mapped bytes
  std::string void_reason = {};           // not empty: it could not serve the trace
};

// How many times as long as the default's a configuration's rounds took, from rounds in pairs.
struct TimeRatio {
  double median = 1;
  double low = 1;  // the interval holds the true median
  double high = 1;
  double coverage = 0;  // with this probability
};

struct ComparedSetting {
  SettingFigures figures = {};
  std::optional<TimeRatio> time = {};  // nothing: too few rounds
};

// Another allocator than the C library's, preloaded into the program.
struct OtherMalloc {
  std::string allocator = {};                 // "jemalloc 5.3.0"
  std::vector<std::string> environment = {};  // lines that bring it in
  ComparedSetting cell = {};
};

// What a line of Python holds at the peak of live bytes.
struct SiteHolding {
  std::string site = {};
  std::uint64_t bytes = 0;
  std::uint64_t blocks = 0;
};

struct AdviceInput {
  std::string program = {};    // the command, or the trace's path
  std::string python = {};     // version; empty: the trace does not say
  std::string profile = {};    // that was modelled
  std::uint64_t requests = 0;  // replayed
  std::uint64_t rounds = 0;
  std::optional<std::string> recorded_setting = {};  // PYTHONMALLOC of the recorded process
  SettingFigures standard = {};                      // pymalloc, CPython's default
  ComparedSetting malloc = {};
  std::optional<ComparedSetting> debug = {};  // pymalloc_debug, for information
  std::vector<OtherMalloc> others = {};
  std::vector<SiteHolding> top_sites = {};
  std::uint64_t sites_peak_bytes = 0;  // of all lines
  std::optional<ArenaPinning> pinning = {};
  std::vector<std::string> warnings = {};  // of the trace: what makes the figures approximate
};

enum class Choice : std::uint8_t {
  keep_default,       // it is better in one respect at least, and worse in none
  no_difference,      // neither in time nor in memory is there one that matters
  set_malloc,         // better in one respect at least, and worse in none
  malloc_for_memory,  // less memory, more time
  malloc_for_time,    // less time, more memory
  set_other,          // a preloaded allocator gains much in one respect, and costs nothing
  undecided,          // a cell is void
};
[[nodiscard]] std::string_view name(Choice choice) noexcept;

enum class Topic : std::uint8_t {
  set,
  memory,
  time,
  others,
  debug,
  where,
  lines,
  pinned,
  limits,
  caution
};
[[nodiscard]] std::string_view name(Topic topic) noexcept;

struct Sentence {
  Topic topic;
  std::string text = {};
};

struct Advice {
  Choice choice = Choice::undecided;
  std::vector<std::string> environment =
      {};                                // lines to copy: "PYTHONMALLOC=malloc"; empty: set nothing
  std::vector<Sentence> sentences = {};  // in reading order, grouped by topic
};

// A difference in peak resident bytes matters from these on: both.
inline constexpr std::uint64_t kMatteringBytes = 1024 * 1024;
inline constexpr double kMatteringShare = 0.02;
// A detectable difference in time matters from here on.
inline constexpr double kMatteringTime = 0.02;
// What another allocator has to gain before a program is told to depend on one. Its own code and
// first pages, which no replay counts, are 2 to 5 MiB.
inline constexpr std::uint64_t kWorthyBytes = 8 * 1024 * 1024;
inline constexpr double kWorthyShare = 0.05;
inline constexpr double kWorthyTime = 0.10;

[[nodiscard]] Advice judge(const AdviceInput& input);

// What `pymemlab advise` prints.
[[nodiscard]] std::string advice_text(const AdviceInput& input, const Advice& advice);
[[nodiscard]] nlohmann::ordered_json advice_json(const AdviceInput& input, const Advice& advice);

}  // namespace pymemlab
