// Statistics against known answers, the comparison table as a golden fed with literals, and results
// documents read back or refused.
#include <gtest/gtest.h>

#include <fstream>

#include "core/base/input_error.h"
#include "core/report/comparison.h"
#include "core/report/interval.h"
#include "core/report/results.h"

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
  return {{"trace", "t0"},
          {"target", "model"},
          {"configuration", configuration},
          {"build", "release"},
          {"profile", "3.11"},
          {"system_malloc", "glibc"},
          {"arena_residue", "recorded"},
          {"touch", "first"},
          {"replayed", {{"events", 1000}, {"void", false}}},
          {"time",
           {{"summary",
             {{"rounds", 7},
              {"median_ns_per_event", ns},
              {"interval_ns_per_event", {ns - 1, ns + 1}},
              {"interval_coverage", 0.984375}}}}},
          {"memory",
           {{"peak_live", sample},
            {"peak", sample},
            {"series", {{"resident_bytes", {1 << 20, nullptr, 3 << 20}}}},
            {"fragmentation",
             {{"byte_time", 0.25},
              {"internal_at_peak", 0.061},
              {"external_at_peak", {{"value", nullptr}, {"reason", "nothing was mapped"}}}}}}}};
}

Json document() {
  return {{"schema", "pymemlab.results"},
          {"schema_version", 1},
          {"traces", {{{"id", "t0"}, {"path", "app.pmtrace"}}}},
          {"cells", {cell("pymalloc", 10, 4 << 20), cell("malloc_debug", 25.5, 8 << 20)}}};
}

TEST(ComparisonTable, ShowsLiteralResultsLikeThis) {
  EXPECT_EQ(comparison_table(document(), "r.json"),
            R"(app.pmtrace: 1000 events replayed, profile 3.11, arenas recorded, touch first

configuration  ns/event        interval  ratio  peak live  peak mapped  peak resident  frag (byte-time)  internal  external
pymalloc          10.00   [9.00, 11.00]   1.00   3.00 MiB     4.00 MiB       3.00 MiB            25.0 %     6.1 %         -
malloc_debug      25.50  [24.50, 26.50]   2.55   3.00 MiB     8.00 MiB       3.00 MiB            25.0 %     6.1 %         -

ns/event: median of 7 cold rounds; the interval covers it with 98.4 %; the loop's own cost is included; ratio is to the first row.
Fragmentation is the share of mapped bytes that no live request asked for: over the whole run (byte-time), and at peak mapped
as internal (hooks and rounding, of bytes handed out) and external (bytes not handed out, of bytes mapped).
)");
}

TEST(ComparisonTable, NamesWhatTellsCellsApart) {
  Json two = document();
  two["cells"][1]["profile"] = "3.9";
  const std::string table = comparison_table(two, "r.json");
  EXPECT_NE(table.find("pymalloc 3.11 "), std::string::npos) << table;
  EXPECT_NE(table.find("malloc_debug 3.9 "), std::string::npos) << table;
}

TEST(ComparisonTable, RefusesADamagedDocumentByName) {
  Json damaged = document();
  damaged["cells"][0].erase("time");
  EXPECT_THROW((void)comparison_table(damaged, "r.json"), InputError);
}

std::string write(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + "/" + name;
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
