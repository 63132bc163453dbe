// Tables of latencies and costs, fed with literals.
#include "core/report/detail_tables.h"

#include <gtest/gtest.h>

#include "core/report/latency_json.h"
#include "tests/report/bare_cell.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

LatencyHistogram of(std::initializer_list<double> values) {
  LatencyHistogram histogram;
  for (const double value : values) histogram.add(value);
  return histogram;
}

Latency latency() {
  Latency latency{.timer = {.clock = "tsc",
                            .resolution_ns = 0.5,
                            .overhead_ns = 20.5,
                            .empty_calls = of({22.5, 23.5})},
                  .sizes = {}};
  latency.sizes.push_back({.kind = CallKind::malloc,
                           .from_bytes = 17,
                           .to_bytes = 32,
                           .histogram = of({30.5, 30.5, 31.5})});
  latency.sizes.push_back(
      {.kind = CallKind::malloc, .from_bytes = 513, .to_bytes = 1024, .histogram = of({129.0})});
  latency.sizes.push_back({.kind = CallKind::free,
                           .from_bytes = (1u << 30) + 1,
                           .to_bytes = ~std::uint64_t{0},
                           .histogram = of({1000.0})});
  return latency;
}

NamedDocument named_document(const char* path = "app.pmtrace") {
  Json pymalloc = testing::bare_cell("pymalloc", 5);
  pymalloc["latency"] = latency_json(latency());
  pymalloc["costs"] = {{"reallocs", 3},
                       {"reallocs_moved", 2},
                       {"arena_maps", 1},
                       {"arena_unmaps", 0},
                       {"pool_inits", 5},
                       {"pool_reuses", 1},
                       {"pools_emptied", 2},
                       {"pool_list_moves", 14},
                       {"arena_list_moves", 1},
                       {"raw_requests", 7},
                       {"raw_for_want", 0},
                       {"raw_reallocs", 0},
                       {"pool_reallocs_in_place", 1},
                       {"pool_reallocs_moved", 2},
                       {"pool_copied_bytes", 316}};
  Json malloc = testing::bare_cell("malloc", 5);
  malloc["latency"] = nullptr;
  malloc["latency_reason"] = "the budget left no time for it";
  malloc["costs"] = {{"reallocs", 3},
                     {"reallocs_moved", 1},
                     {"pool_inits", {{"value", nullptr}, {"reason", "pymalloc is not in use"}}}};
  return {"r.json",
          {{"schema", "pymemlab.results"},
           {"schema_version", 1},
           {"traces", {{{"id", "t0"}, {"path", path}, {"digest", "0123456789abcdef"}}}},
           {"cells", {pymalloc, malloc}}}};
}

TEST(LatencyJson, HoldsQuantilesBucketsAndSizes) {
  const Json json = latency_json(latency());
  EXPECT_EQ(json["timer"]["clock"], "tsc");
  EXPECT_EQ(json["timer"]["empty_call"]["calls"], 2);
  EXPECT_EQ(json["kinds"].size(), 2u);
  const Json& malloc = json["kinds"][0];
  EXPECT_EQ(malloc["kind"], "malloc");
  EXPECT_EQ(malloc["calls"], 4);
  EXPECT_DOUBLE_EQ(malloc["p50_ns"], 31);
  EXPECT_DOUBLE_EQ(malloc["max_ns"], 129);
  EXPECT_EQ(malloc["buckets"].dump(),
            R"([{"from_ns":30,"to_ns":31,"calls":2},{"from_ns":31,"to_ns":32,"calls":1},)"
            R"({"from_ns":128,"to_ns":132,"calls":1}])");
  EXPECT_EQ(json["size_classes"][1]["to_bytes"], 1024);
  EXPECT_TRUE(json["size_classes"][2]["to_bytes"].is_null());
}

TEST(DetailTables, ShowLatenciesLikeThis) {
  EXPECT_EQ(latency_tables(named_document(), aligned),
            R"(app.pmtrace: 5 events replayed, profile 3.11, arenas recorded, touch first

configuration     call  calls    mean     p50     p90     p99   p99.9     max
pymalloc        malloc      4    55.4    31.0   129.0   129.0   129.0   129.0
pymalloc          free      1  1000.0  1000.0  1000.0  1000.0  1000.0  1000.0
pymalloc       (empty)      2    23.0    23.0    23.5    23.5    23.5    23.5

malloc: no latency: the budget left no time for it
Nanoseconds of single calls, each between two readings of a clock, which are part of every figure;
(empty): a call that returns at once, timed the same way: what the clock itself makes of nothing.
)");
}

TEST(DetailTables, ShowCostsLikeThis) {
  EXPECT_EQ(costs_tables(named_document(), aligned),
            R"(app.pmtrace: 5 events replayed, profile 3.11, arenas recorded, touch first

configuration  pool inits  pool reuses  pool list moves  arena maps  arena unmaps  arena list moves  raw requests  reallocs  moved  copied in pools
pymalloc                5            1               14           1             0                 1             7         3      2              316
malloc                  -            -                -           -             -                 -             -         3      1                -

Counts of the model, the same in every run and on every machine. raw requests: new blocks that pymalloc leaves to malloc;
moved: reallocs that changed the address; copied in pools: bytes that pymalloc copied for them. -: not counted.
)");
}

TEST(DetailTables, HaveTheSameFiguresAsCsvAndJson) {
  EXPECT_EQ(latency_csv(named_document()),
            R"(trace,cell,call,calls,mean_ns,p50_ns,p90_ns,p99_ns,p999_ns,max_ns
app.pmtrace,pymalloc,malloc,4,55.375,31.0,129.0,129.0,129.0,129.0
app.pmtrace,pymalloc,free,1,1000.0,1000.0,1000.0,1000.0,1000.0,1000.0
app.pmtrace,pymalloc,(empty),2,23.0,23.0,23.5,23.5,23.5,23.5
)");
  EXPECT_EQ(
      costs_csv(named_document()),
      R"(trace,cell,pool_inits,pool_reuses,pool_list_moves,arena_maps,arena_unmaps,arena_list_moves,raw_requests,reallocs,reallocs_moved,pool_copied_bytes
app.pmtrace,pymalloc,5,1,14,1,0,1,7,3,2,316
app.pmtrace,malloc,,,,,,,,3,1,
)");
  const Json json = Json::parse(details_json(named_document(), "costs"));
  EXPECT_EQ(json[0]["cell"], "pymalloc");
  EXPECT_EQ(json[0]["costs"]["pool_copied_bytes"], 316);
}

TEST(DetailTables, NameATraceByItsWholePath) {
  const NamedDocument named = named_document("at 10:30/app.pmtrace");
  EXPECT_NE(latency_csv(named).find("\nat 10:30/app.pmtrace,pymalloc,malloc,"), std::string::npos);
  EXPECT_NE(costs_csv(named).find("\nat 10:30/app.pmtrace,pymalloc,5,"), std::string::npos);
  EXPECT_EQ(Json::parse(details_json(named, "costs"))[0]["trace"], "at 10:30/app.pmtrace");
}

}  // namespace
}  // namespace pymemlab
