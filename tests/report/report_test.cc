// Order statistics against known answers, comparisons and their tables fed with literals, and
// results documents read back or refused.
#include <gtest/gtest.h>

#include <fstream>

#include "core/base/input_error.h"
#include "core/report/comparison.h"
#include "core/report/interval.h"
#include "core/report/results.h"
#include "core/report/tables.h"
#include "tests/report/bare_cell.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

TEST(Median, IsTheMiddleOrTheMeanOfTheTwoMiddles) {
  EXPECT_DOUBLE_EQ(median({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_DOUBLE_EQ(median({7}), 7);
}

TEST(MedianInterval, HasTheTextbookCoverages) {
  EXPECT_FALSE(median_interval({1}));
  const auto five = median_interval({5, 1, 3, 2, 4});
  EXPECT_DOUBLE_EQ(five->low, 1);
  EXPECT_DOUBLE_EQ(five->high, 5);
  EXPECT_NEAR(five->coverage, 0.9375,
              1e-9);  // too few for 95 %: all there is, and its true coverage
  const auto nine = median_interval({1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_DOUBLE_EQ(nine->low, 2);
  EXPECT_DOUBLE_EQ(nine->high, 8);
  EXPECT_NEAR(nine->coverage, 0.9609375, 1e-9);
  std::vector<double> twenty(20);
  for (int i = 0; i < 20; ++i) twenty[static_cast<std::size_t>(i)] = i + 1;
  EXPECT_DOUBLE_EQ(median_interval(twenty)->low, 6);
  EXPECT_DOUBLE_EQ(median_interval(twenty)->high, 15);
  EXPECT_NEAR(median_interval(twenty)->coverage, 0.9586, 1e-4);
}

Json cell(const char* configuration, double ns, double mapped) {
  const Json sample = {{"live_bytes", 3 << 20}, {"mapped_bytes", mapped}};
  Json rounds = Json::array();
  for (int i = 0; i < 7; ++i)
    rounds.push_back(
        {{"kind", "cold"}, {"round", i}, {"ns_per_event", ns * (1 + 0.001 * (i * i % 7))}});
  Json cell = testing::bare_cell(configuration, 1000);
  cell["time"] = {{"rounds", rounds}};
  cell["memory"] = {
      {"peak_live", sample},
      {"peak", sample},
      {"series", {{"resident_bytes", {1 << 20, nullptr, 3 << 20}}}},
      {"fragmentation",
       {{"byte_time", 0.25},
        {"internal_at_peak", 0.061},
        {"external_at_peak", {{"value", nullptr}, {"reason", "nothing was mapped"}}}}}};
  return cell;
}

Json document(double malloc_debug_ns = 25.5, double malloc_debug_mapped = 8 << 20) {
  return {{"schema", "pymemlab.results"},
          {"schema_version", 1},
          {"traces", {{{"id", "t0"}, {"path", "app.pmtrace"}, {"digest", "0123456789abcdef"}}}},
          {"cells",
           {cell("pymalloc", 10, 4 << 20),
            cell("malloc_debug", malloc_debug_ns, malloc_debug_mapped)}}};
}

TEST(Tables, ShowOneDocumentLikeThis) {
  EXPECT_EQ(text_table(compare_cells({"r.json", document()})),
            R"(app.pmtrace: 1000 events replayed, profile 3.11, arenas recorded, touch first

configuration  ns/event        interval  ratio   of time  peak live  peak mapped  peak resident  frag (byte-time)  internal  external
pymalloc          10.02  [10.00, 10.04]      1  baseline   3.00 MiB     4.00 MiB       3.00 MiB            25.0 %     6.1 %         -
malloc_debug      25.55  [25.50, 25.60]   2.55    slower   3.00 MiB     8.00 MiB       3.00 MiB            25.0 %     6.1 %         -

ns/event: median of the cold rounds, the loop's own cost included; interval: of that median, 95 % or, with fewer than 6 rounds, less.
ratio: to the first row, the median over rounds; of time: the signed-rank test of paired rounds, at 5 % for the whole table (Holm);
"from X % on": what so many rounds would find four times in five.
Fragmentation is the share of mapped bytes that no live request asked for: over the whole run (byte-time), and at peak mapped
as internal (hooks and rounding, of bytes handed out) and external (bytes not handed out, of bytes mapped).
)");
}

TEST(Tables, ShowTwoDocumentsLikeThis) {
  const Comparison comparison =
      compare_runs({"before.json", document()}, {"after.json", document(26.5, 9 << 20)});
  EXPECT_EQ(text_table(comparison), R"(before: before.json; after: after.json

app.pmtrace: 1000 events replayed, profile 3.11, arenas recorded, touch first

configuration  ns before  ns after  change                                   of time  mapped before  mapped after   change  resident
pymalloc           10.02     10.02  +0.0 %  no difference detectable (from 0.3 % on)       4.00 MiB      4.00 MiB   +0.0 %    +0.0 %
malloc_debug       25.55     26.55  +3.9 %                                    slower       8.00 MiB      9.00 MiB  +12.5 %    +0.0 %

ns/event: median of the cold rounds, the loop's own cost included; interval: of that median, 95 % or, with fewer than 6 rounds, less.
of time: Mann-Whitney's U, at 5 % for the whole table (Holm);
"from X % on": what so many rounds would find four times in five.
)");
  EXPECT_EQ(markdown_table(comparison), R"(before: before.json; after: after.json

app.pmtrace: 1000 events replayed, profile 3.11, arenas recorded, touch first

| configuration | ns before | ns after | change | of time | mapped before | mapped after | change | resident |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
| pymalloc | 10.02 | 10.02 | +0.0 % | no difference detectable (from 0.3 % on) | 4.00 MiB | 4.00 MiB | +0.0 % | +0.0 % |
| malloc_debug | 25.55 | 26.55 | +3.9 % | slower | 8.00 MiB | 9.00 MiB | +12.5 % | +0.0 % |

ns/event: median of the cold rounds, the loop's own cost included; interval: of that median, 95 % or, with fewer than 6 rounds, less.
of time: Mann-Whitney's U, at 5 % for the whole table (Holm);
"from X % on": what so many rounds would find four times in five.
)");
  EXPECT_EQ(
      csv_table(comparison),
      R"(trace,cell,rounds,median_ns_per_event,peak_live_bytes,peak_mapped_bytes,peak_resident_bytes,byte_time,internal_at_peak,external_at_peak,baseline_rounds,baseline_median_ns_per_event,baseline_peak_live_bytes,baseline_peak_mapped_bytes,baseline_peak_resident_bytes,baseline_byte_time,baseline_internal_at_peak,baseline_external_at_peak,time_ratio,time_test,time_p,time_p_holm,time_minimum_detectable_change,time_verdict
app.pmtrace,pymalloc,7,10.02,3145728.0,4194304.0,3145728.0,0.25,0.061,,7,10.02,3145728.0,4194304.0,3145728.0,0.25,0.061,,1.0,mann-whitney,1.0,1.0,0.0027936280291271046,no difference detectable
app.pmtrace,malloc_debug,7,26.553,3145728.0,9437184.0,3145728.0,0.25,0.061,,7,25.551,3145728.0,8388608.0,3145728.0,0.25,0.061,,1.0392156862745099,mann-whitney,0.0020216780632516117,0.004043356126503223,0.0027936280291271046,slower
)");
}

TEST(Tables, AsJsonHoldTheSameFigures) {
  const Json json = Json::parse(json_table(compare_cells({"r.json", document()})));
  EXPECT_EQ(json["kind"], "side-by-side");
  const Json& cell = json["traces"][0]["cells"][1];
  EXPECT_EQ(cell["name"], "malloc_debug");
  EXPECT_DOUBLE_EQ(cell["time"]["ratio"], 2.55);
  EXPECT_EQ(cell["time"]["rounds"], 7);
  EXPECT_EQ(cell["time"]["verdict"], "slower");
  EXPECT_EQ(cell["figures"]["peak_mapped_bytes"], 8 << 20);
  EXPECT_TRUE(json["traces"][0]["cells"][0]["time"].is_null());
}

TEST(Tables, AsCsvNameATraceByItsWholePath) {
  Json results = document();
  results["traces"][0]["path"] = "at 10:30/app.pmtrace";
  EXPECT_NE(
      csv_table(compare_cells({"r.json", results})).find("\nat 10:30/app.pmtrace,pymalloc,7,"),
      std::string::npos);
}

TEST(Comparison, NamesWhatTellsCellsApart) {
  Json two = document();
  two["cells"][1]["profile"] = "3.9";
  two["cells"][1]["system_malloc"] = "jemalloc";
  EXPECT_EQ(compare_cells({"r.json", two}).traces[0].cells[0].name, "pymalloc 3.11 glibc");
  EXPECT_EQ(compare_cells({"r.json", two}).traces[0].cells[1].name, "malloc_debug 3.9 jemalloc");
  two["cells"][1]["target"] = "libpython:/a/very/long/path/libpython3.9.so.1.0";
  two["cells"][1]["target_version"] = "3.9.18";
  EXPECT_EQ(compare_cells({"r.json", two}).traces[0].cells[1].name,
            "malloc_debug libpython 3.9.18 jemalloc");
}

TEST(Comparison, OfARunWithItselfFindsNothing) {
  const Comparison comparison = compare_runs({"a", document()}, {"b", document()});
  ASSERT_EQ(comparison.traces.at(0).cells.size(), 2u);
  for (const ComparedCell& cell : comparison.traces[0].cells)
    EXPECT_EQ(cell.verdict, Verdict::no_difference);
}

TEST(Comparison, SaysWhichCellsHaveNoPartnerAndWhichTooFewRounds) {
  Json other = document();
  other["cells"][1]["touch"] = "all";
  other["cells"][0]["time"]["rounds"] = {{{"kind", "cold"}, {"round", 0}, {"ns_per_event", 10}}};
  const Comparison comparison = compare_runs({"a", document()}, {"b", other});
  EXPECT_EQ(comparison.traces.at(0).cells.size(), 1u);
  EXPECT_EQ(comparison.notes,
            (std::vector<std::string>{"1 cells of a are not in b", "1 cells of b are not in a",
                                      "too few rounds for a verdict: pymalloc first (1)"}));
}

TEST(Comparison, NamesANoisyMachine) {
  Json noisy = document();
  for (Json& c : noisy["cells"]) {
    int i = 0;
    for (Json& round : c["time"]["rounds"]) round["ns_per_event"] = 10 + 3 * (i++ % 3);
  }
  const Comparison comparison = compare_cells({"r.json", noisy});
  ASSERT_FALSE(comparison.notes.empty());
  EXPECT_EQ(comparison.notes[0].substr(0, 32), "r.json: the machine was noisy: r");
}

TEST(Comparison, RefusesADamagedDocumentByName) {
  Json damaged = document();
  damaged["cells"][0].erase("time");
  EXPECT_THROW((void)compare_cells({"r.json", damaged}), InputError);
}

TEST(FailureRule, BreaksWhereAChangeIsBeyondItAndDetectable) {
  const Comparison slower = compare_runs({"a", document()}, {"b", document(26.5, 9 << 20)});
  EXPECT_EQ(FailureRule("time>+3%,peak>+20%").broken_by(slower),
            std::vector<std::string>{"malloc_debug: time changed by +3.9 %, beyond +3.0 %"});
  EXPECT_EQ(FailureRule("time>5%,peak>+10%").broken_by(slower),
            std::vector<std::string>{"malloc_debug: peak changed by +12.5 %, beyond +10.0 %"});
  EXPECT_TRUE(FailureRule("time<-3%,resident>+1%").broken_by(slower).empty());
  // Three rounds detect nothing.
  Json few = document(30);
  few["cells"][1]["time"]["rounds"].erase(3);
  for (int i = 0; i < 3; ++i) few["cells"][1]["time"]["rounds"].erase(0);
  EXPECT_TRUE(
      FailureRule("time>+3%").broken_by(compare_runs({"a", document()}, {"b", few})).empty());
}

TEST(FailureRule, IsRefusedInOneSentence) {
  for (const char* text : {"", "time", "time>3", "speed>+3%", "time>x%", "time>+3%,"})
    EXPECT_THROW(FailureRule{text}, InputError) << text;
}

std::string write(const std::string& name, const std::string& text) {
  const std::string path = ::testing::TempDir() + "/" + name;
  std::ofstream(path) << text;
  return path;
}

TEST(ReadResults, RefusesWhatIsNoResultsDocument) {
  auto message = [](const std::string& path) {
    try {
      (void)read_results(path);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_NE(message("/nonexistent.json").find("/nonexistent.json: cannot be opened"),
            std::string::npos);
  EXPECT_NE(message(write("cut.json", R"({"schema": "pymem)")).find("cut.json: not JSON"),
            std::string::npos);
  EXPECT_NE(message(write("other.json", R"({"a": 1})")).find("not a results document"),
            std::string::npos);
  EXPECT_NE(message(write("list.json", "[1, 2]")).find("not a results document"),
            std::string::npos);
  EXPECT_NE(message(write("future.json", R"({"schema": "pymemlab.results", "schema_version": 9})"))
                .find("schema version 9; this pymemlab reads version 1"),
            std::string::npos);
}

}  // namespace
}  // namespace pymemlab
