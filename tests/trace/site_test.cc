// Sites, written and read: every block's is kept, by every way a trace can be copied.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "core/base/input_error.h"
#include "core/base/random.h"
#include "core/trace/edits/trace_edits.h"
#include "core/trace/format.h"
#include "core/trace/site_ranking.h"
#include "core/trace/summary.h"
#include "tests/trace/streams.h"

namespace pymemlab::testing {
namespace {

// Sites as programs have them: loops of a few lines, called from a few places.
Stream stream_with_sites(std::uint64_t events, std::uint64_t seed) {
  Stream stream = random_stream({.events = events, .seed = seed, .live_about = 50});
  Random random(seed);
  for (Operation& operation : stream.operations) {
    const bool returned = takes_new_slot(operation.kind) || operation.kind == EventKind::realloc;
    if (!returned || operation.failed || random.chance(1, 10)) continue;
    if (stream.sites.empty() || random.chance(1, 100)) {
      const auto known = static_cast<SiteNumber>(stream.sites.size());
      stream.sites.push_back({.caller = static_cast<SiteNumber>(random.below(known + 1)),
                              .line = static_cast<std::uint32_t>(random.below(1000)),
                              .file = "file" + std::to_string(random.below(9)) + ".py",
                              .function = random.chance(1, 9) ? "" : "größe"});
      operation.site = known + 1;
    } else {
      operation.site = static_cast<SiteNumber>(1 + random.below(stream.sites.size()));
    }
  }
  return stream;
}

constexpr TraceWriterOptions kBoth{.addresses = true, .sites = true};

TEST(Sites, AreReadBackForEveryBlock) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    const Stream stream = stream_with_sites(5000, seed);
    const std::string path = scratch("sites.pmtrace");
    write_stream(stream, path, {.sites = true, .chunk_events = 700});
    const ReadBack back = read_all(path, {.sites = true});
    EXPECT_EQ(back.sites, stream.sites);
    EXPECT_EQ(back.operations, expected(stream, false));
  }
}

TEST(Sites, AreLeftOutOfTheStreamUnlessAskedFor) {
  const Stream stream = stream_with_sites(2000, 3);
  const std::string path = scratch("unasked.pmtrace");
  write_stream(stream, path, kBoth);
  const ReadBack back = read_all(path, {.addresses = true});
  EXPECT_TRUE(back.sites.empty());
  for (const Operation& operation : back.operations) EXPECT_EQ(operation.site, kNoSite);
}

TEST(Sites, AreThereWhereReadingStartsAtAKeyChunk) {
  const Stream stream = stream_with_sites(40'000, 5);
  const std::string path = scratch("site-keys.pmtrace");
  TraceWriterOptions options = kBoth;
  options.chunk_events = 1000;
  options.key_chunks = 4;
  write_stream(stream, path, options);
  TraceReader reader = TraceReader::open(path, {.sites = true, .start_at = 39'999});
  EventBatch batch;
  ASSERT_TRUE(reader.next(batch));
  ASSERT_GT(batch.first, 0u);
  std::vector<SiteNumber> live(reader.slots(), kNoSite);
  for (std::uint64_t i = 0; i < batch.first; ++i) {
    const Operation& o = stream.operations[i];
    const bool returned = takes_new_slot(o.kind) || o.kind == EventKind::realloc;
    if (returned && !o.failed) live.at(o.slot) = o.site;
  }
  ASSERT_FALSE(reader.initial_blocks().empty());
  for (const LiveBlock& block : reader.initial_blocks())
    EXPECT_EQ(block.site, live[block.slot]) << block.slot;
  std::uint64_t number = batch.first;
  do {
    OperationCursor cursor(batch);
    for (Operation operation; cursor.next(operation); ++number)
      ASSERT_EQ(operation.site, stream.operations[number].site) << "event " << number;
  } while (reader.next(batch));
  EXPECT_EQ(reader.sites(), stream.sites);
}

TEST(Sites, SurviveTextAndBack) {
  const Stream stream = stream_with_sites(3000, 7);
  const std::string path = scratch("text.pmtrace");
  write_stream(stream, path, kBoth);
  const TraceFormat& text = trace_format_named("text");
  (void)text.export_file(path, scratch("sites.txt"));
  (void)text.import_file(scratch("sites.txt"), scratch("again.pmtrace"), kBoth);
  const ReadBack back = read_all(scratch("again.pmtrace"), {.addresses = true, .sites = true});
  EXPECT_EQ(back.sites, stream.sites);
  EXPECT_EQ(back.operations, expected(stream, true));
}

TEST(Sites, SurviveCopiesAndAreDroppedOnRequestAndByAnonymizing) {
  const Stream stream = stream_with_sites(3000, 9);
  const std::string path = scratch("copied.pmtrace");
  write_stream(stream, path, kBoth);
  const std::string copy = scratch("copy.pmtrace");
  const auto sites_of_copy = [&] { return read_all(copy, {.sites = true}).sites; };
  const TraceFormat& ours = trace_format_named("pmtrace");
  (void)ours.import_file(path, copy, kBoth);
  EXPECT_EQ(sites_of_copy(), stream.sites);
  (void)ours.import_file(path, copy, {.addresses = true});
  EXPECT_TRUE(sites_of_copy().empty());
  (void)edit_trace(path, copy, {.slice = EventRange{1000, 2000}}, kBoth);
  EXPECT_FALSE(sites_of_copy().empty());
  const ConversionReport report = edit_trace(path, copy, {.anonymize = true}, kBoth);
  EXPECT_TRUE(sites_of_copy().empty());
  EXPECT_EQ(report.losses.back(), "the sites were dropped");
}

TEST(Sites, OfASliceAreThoseOfTheBlocksThatLive) {
  const Stream stream = stream_with_sites(3000, 11);
  const std::string path = scratch("slice.pmtrace");
  write_stream(stream, path, kBoth);
  const std::string slice = scratch("sliced.pmtrace");
  (void)edit_trace(path, slice, {.slice = EventRange{1500, 1501}}, kBoth);
  const ReadBack back = read_all(slice, {.sites = true});
  std::vector<SiteNumber> live(stream.slots + 1, kNoSite);
  std::vector<bool> alive(stream.slots + 1, false);
  for (std::uint64_t i = 0; i < 1500; ++i) {
    const Operation& o = stream.operations[i];
    const bool takes = takes_new_slot(o.kind) && !o.failed;
    if (takes) alive[o.slot] = true;
    if (takes || (o.kind == EventKind::realloc && !o.failed && alive[o.slot]))
      live[o.slot] = o.site;
    if (o.kind == EventKind::free && o.slot != kNoSlot) alive[o.slot] = false;
  }
  std::vector<SiteNumber> wanted;
  for (Slot slot = 0; slot < stream.slots; ++slot)
    if (alive[slot]) wanted.push_back(live[slot]);
  std::vector<SiteNumber> got;
  for (const Operation& o : back.operations)
    if (takes_new_slot(o.kind) && got.size() < wanted.size()) got.push_back(o.site);
  std::sort(wanted.begin(), wanted.end());
  std::sort(got.begin(), got.end());
  EXPECT_EQ(got, wanted);
}

TEST(Sites, AreToldAsAStackOfLines) {
  const SiteTable sites = {{0, 40, "app.py", "main"}, {1, 12, "app.py", "parse"}};
  EXPECT_EQ(site_text(sites, 2), "app.py:12 in parse < app.py:40 in main");
  EXPECT_EQ(site_text(sites, 1), "app.py:40 in main");
  EXPECT_EQ(site_text(sites, kNoSite), "no Python line");
}

TEST(Sites, ThatCannotBeAreRefused) {
  const std::string path = scratch("wrong.txt");
  const auto refused = [&](const std::string& line) {
    const std::string text =
        "pymemlab-trace-text 1\nmeta {\"columns\": [\"site\"]}\n" + line + "\n";
    write_bytes(path, {text.begin(), text.end()});
    try {
      (void)trace_format_named("text").import_file(path, scratch("wrong.pmtrace"), kBoth);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_NE(refused("m obj 8 !1").find("site 1 was not told"), std::string::npos);
  EXPECT_NE(refused(R"(site {"caller": 1, "line": 2, "file": "", "function": ""})")
                .find("caller 1 was not told"),
            std::string::npos);
  EXPECT_NE(refused(R"(site {"caller": 0})").find("wanted the site"), std::string::npos);
}

// Against the plain definition: everything live after each event, summed up anew.
TEST(SiteRanking, SaysWhatEachSiteHoldsAtThePeakAndAtTheEnd) {
  const Stream stream = stream_with_sites(4000, 13);
  const std::string path = scratch("ranked.pmtrace");
  write_stream(stream, path, {.sites = true});
  TraceReader reader = TraceReader::open(path);
  const TraceSummary summary = summarize(reader);
  const SiteRanking ranking = rank_sites(path, summary.peak_live_bytes_event);
  EXPECT_EQ(ranking.peak_bytes, summary.peak_live_bytes);
  std::map<Slot, Operation> live;
  const auto held_by = [&](SiteNumber site) {
    std::uint64_t bytes = 0;
    for (const auto& [slot, o] : live)
      if (o.site == site) bytes += o.bytes();
    return bytes;
  };
  std::map<SiteNumber, std::uint64_t> at_peak;
  for (std::size_t i = 0; i < stream.operations.size(); ++i) {
    const Operation& o = stream.operations[i];
    if (takes_new_slot(o.kind) && !o.failed) {
      live.erase(o.slot);
      if (!o.nested) live[o.slot] = o;
    }
    if (o.kind == EventKind::realloc && !o.failed && live.count(o.slot) != 0) live[o.slot] = o;
    if (o.kind == EventKind::free) live.erase(o.slot);
    if (i == summary.peak_live_bytes_event)
      for (SiteNumber site = 0; site <= stream.sites.size(); ++site) at_peak[site] = held_by(site);
  }
  std::uint64_t end_bytes = 0;
  for (const SiteUse& use : ranking.uses) {
    EXPECT_EQ(use.peak_bytes, at_peak[use.site]) << use.site;
    EXPECT_EQ(use.end_bytes, held_by(use.site)) << use.site;
    end_bytes += use.end_bytes;
  }
  EXPECT_EQ(end_bytes, summary.end_live_bytes);
  EXPECT_TRUE(std::is_sorted(
      ranking.uses.begin(), ranking.uses.end(),
      [](const SiteUse& a, const SiteUse& b) { return a.peak_bytes > b.peak_bytes; }));
}

TEST(SiteRanking, NeedsSites) {
  write_stream(random_stream({.events = 10}), scratch("none.pmtrace"));
  EXPECT_THROW((void)rank_sites(scratch("none.pmtrace"), 0), InputError);
}

}  // namespace
}  // namespace pymemlab::testing
