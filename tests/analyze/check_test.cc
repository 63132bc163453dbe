// What check finds in traces made for it, and what it says of them.
#include "core/analyze/check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "core/base/random.h"
#include "core/trace/formats/text_format.h"
#include "core/trace/trace_writer.h"

namespace pymemlab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// The report on a trace as text, without its first line.
CheckReport check(const std::string& lines, const CheckOptions& options = {}) {
  const std::string text = testing::TempDir() + "check_test.txt";
  const std::string trace = testing::TempDir() + "check_test.pmtrace";
  std::ofstream(text) << "pymemlab-trace-text 1\n" << lines;
  import_text(text, trace, {.addresses = true, .sites = true});
  return check_trace(trace, options);
}

std::vector<std::uint64_t> events_of(const CheckReport& report, FindingKind kind) {
  std::vector<std::uint64_t> events;
  for (const Finding& finding : report.findings)
    if (finding.kind == kind) events.push_back(finding.event);
  return events;
}

const Outcome& under(const Finding& finding, std::string_view configuration) {
  for (const Outcome& outcome : finding.outcomes)
    if (outcome.configuration == configuration) return outcome;
  throw std::out_of_range(std::string(configuration));
}

TEST(Check, FindsNothingWrongWhereEveryBlockGoesBackToItsDomain) {
  const CheckReport report = check(
      "m raw 1000\nm mem 20\nc obj 3 8\nm libc 5\nrn mem 7\nr obj 2 600\n"
      "f raw 0\nf mem 1\nf obj 2\nf libc 3\nf mem 4\nf mem -\n");
  EXPECT_EQ(report.wrong(), 0u);
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.left_total().blocks, 0u);
  EXPECT_EQ(report.events, 12u);
}

TEST(Check, FindsEveryPairOfDifferentDomains) {
  for (const std::string_view from : kDomainNames) {
    for (const std::string_view to : kDomainNames) {
      const CheckReport report = check(fmt::format("m {} 40\nf {} 0\n", from, to));
      EXPECT_EQ(report.wrong(), from == to ? 0u : 1u) << from << " " << to;
      if (from == to) continue;
      ASSERT_THAT(report.findings, SizeIs(1));
      EXPECT_EQ(report.findings[0].kind, FindingKind::wrong_domain);
      EXPECT_THAT(report.findings[0].outcomes, SizeIs(4));
      EXPECT_EQ(under(report.findings[0], "malloc").kind, OutcomeKind::runs_on);
      EXPECT_NE(under(report.findings[0], "malloc_debug").kind, OutcomeKind::runs_on);
      EXPECT_NE(under(report.findings[0], "pymalloc_debug").kind, OutcomeKind::runs_on);
    }
  }
}

TEST(Check, KnowsFromTheModelWhetherABlockLiesInAPool) {
  const auto pymalloc = [](const std::string& lines) {
    return under(check(lines).findings.back(), "pymalloc").kind;
  };
  EXPECT_EQ(pymalloc("m mem 512\nf raw 0\n"), OutcomeKind::crashes);
  EXPECT_EQ(pymalloc("m mem 513\nf raw 0\n"), OutcomeKind::runs_on);
  EXPECT_EQ(pymalloc("m mem 0\nf raw 0\n"), OutcomeKind::runs_on);
  EXPECT_EQ(pymalloc("m mem 600\nr mem 0 10\nf raw 0\n"), OutcomeKind::runs_on);
  EXPECT_EQ(pymalloc("m mem 10\nr mem 0 600\nf raw 0\n"), OutcomeKind::runs_on);
}

TEST(Check, QuotesTheHooks) {
  const Finding finding =
      check("m obj 24\nr mem 0 48\nf mem 0\n", {.profile = "3.9"}).findings.at(0);
  const Outcome& outcome = under(finding, "pymalloc_debug");
  EXPECT_EQ(outcome.kind, OutcomeKind::fatal_error);
  EXPECT_EQ(outcome.fatal_error,
            "Fatal Python error: _PyMem_DebugRawRealloc: bad ID: Allocated using API 'o', verified "
            "using API 'm'");
  EXPECT_THAT(outcome.dump, HasSubstr("at address p=ADDRESS: API 'o'\n    24 bytes originally"));
  EXPECT_THAT(outcome.dump, HasSubstr("at tail=ADDRESS+24 are FORBIDDENBYTE, as expected."));
}

TEST(Check, TakesAMistakenReallocForOneMistake) {
  const CheckReport report = check("m mem 100\nr raw 0 200\nr raw 0 300\nf raw 0\n");
  EXPECT_THAT(events_of(report, FindingKind::wrong_domain), ElementsAre(1));
  const CheckReport back = check("m mem 100\nr raw 0 200\nf mem 0\n");
  EXPECT_THAT(events_of(back, FindingKind::wrong_domain), ElementsAre(1, 2));
  EXPECT_EQ(back.findings[1].block->made_event, 1u);
}

TEST(Check, NamesTheFirstFreeOfABlockThatIsFreedTwice) {
  const CheckReport report = check("m obj 8\nm obj 8\nf obj 1\nr obj 1 9\nf obj 1\nf obj 0\n");
  EXPECT_THAT(events_of(report, FindingKind::dead_block), ElementsAre(3, 4));
  for (const Finding& finding : report.findings) {
    EXPECT_EQ(finding.block->made_event, 1u);
    EXPECT_EQ(finding.block->freed_event, 2u);
  }
}

TEST(Check, SaysWhoLosesABlockToADoubleFree) {
  const CheckReport report = check(
      "m mem 64\nm mem 64 =1\nm mem 1000 =2\nf mem 1\nf mem 2\nm mem 64 =2\nf mem 1\nf mem 2\n");
  ASSERT_THAT(report.findings, SizeIs(1));
  for (const char* const configuration : {"pymalloc", "pymalloc_debug"}) {
    const Outcome& outcome = under(report.findings[0], configuration);
    EXPECT_EQ(outcome.kind, OutcomeKind::corrupts);
    EXPECT_THAT(outcome.explanation, HasSubstr("the block of event 5"));
  }
}

// What the arena policy makes of an otherwise empty process.
TEST(Check, KnowsThatOldVersionsUnmapAnEmptyArena) {
  const std::string lines = "m mem 64\nf mem 0\nf mem 0\n";
  EXPECT_EQ(under(check(lines, {.profile = "3.8"}).findings[0], "pymalloc").kind,
            OutcomeKind::crashes);
  EXPECT_EQ(under(check(lines, {.profile = "3.9"}).findings[0], "pymalloc").kind,
            OutcomeKind::corrupts);
}

TEST(Check, SeesThatLibcsReallocToZeroFrees) {
  const CheckReport report = check("m libc 8\nr libc 0 0 failed\nf libc 0\n");
  EXPECT_THAT(events_of(report, FindingKind::dead_block), ElementsAre(2));
  EXPECT_EQ(report.left_total().blocks, 0u);
  EXPECT_EQ(check("m raw 8\nr raw 0 0 failed\nf raw 0\n").wrong(), 0u);
}

TEST(Check, FindsAddressesInsideBlocks) {
  const std::string head = "meta {\"columns\": [\"address\"]}\n";
  const CheckReport report =
      check(head +
            "m raw 64 @0x1000\nr raw 0 100 @0x2000\nfu raw 0x2064\nfu raw 0x1010\nfu raw 0x2063\n");
  ASSERT_THAT(report.findings, SizeIs(3));
  EXPECT_EQ(report.findings[0].block, std::nullopt);
  EXPECT_EQ(report.findings[1].block, std::nullopt);
  ASSERT_NE(report.findings[2].block, std::nullopt);
  EXPECT_EQ(report.findings[2].block->made_event, 0u);
  EXPECT_EQ(report.findings[2].offset_bytes, 99u);
}

TEST(Check, DoesNotAccuseARecordingOfRawBlocksFromBeforeIt) {
  const std::string head = "meta {\"source\": \"record\", \"columns\": [\"address\"]}\n";
  EXPECT_EQ(check(head + "fu raw 0x1000\n").wrong(), 0u);
  EXPECT_EQ(check(head + "fu mem 0x1000\n").wrong(), 1u);
  EXPECT_EQ(check(head + "m raw 64 @0x1000\nfu raw 0x1008\n").wrong(), 1u);
  EXPECT_EQ(check("fu raw 0x1000\n").wrong(), 1u);
}

TEST(Check, LeavesAnAllocatorsOwnRequestsAlone) {
  const CheckReport report = check(
      "m raw 600 nested\nm obj 600\nm raw 0 nested\nf raw 0 nested\nf raw 0 nested\nf obj 1\n");
  EXPECT_EQ(report.wrong(), 0u);
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.left_total().blocks, 0u);
}

TEST(Check, ListsZeroSizesAndFailuresWithoutCallingThemWrong) {
  const CheckReport report = check(
      "m raw 0\nm mem 9\nr mem 1 0\nm obj 0x8000000000000000 failed\nr mem 1 50 failed\nf mem 1\n");
  EXPECT_EQ(report.wrong(), 0u);
  EXPECT_THAT(events_of(report, FindingKind::zero_size), ElementsAre(0, 2));
  EXPECT_THAT(events_of(report, FindingKind::failed), ElementsAre(3, 4));
}

TEST(Check, GroupsWhatIsLeftByDomainAndSize) {
  const CheckReport report =
      check("m mem 10\nm mem 10\nm obj 10\nm raw 100\nf mem 0\nm mem 10\n", {.limit = 2});
  EXPECT_EQ(report.left_total().blocks, 4u);
  EXPECT_EQ(report.left_groups_found, 3u);
  ASSERT_THAT(report.left_groups, SizeIs(2));
  EXPECT_EQ(report.left_groups[0].domain, Domain::raw);
  EXPECT_EQ(report.left_groups[1].domain, Domain::mem);
  EXPECT_EQ(report.left_groups[1].bytes, 20u);
  EXPECT_EQ(report.left_groups[1].first_event, 1u);
}

TEST(Check, TellsSitesWhereTheyAreKnown) {
  const CheckReport report = check(
      "meta {\"columns\": [\"site\"]}\n"
      "site {\"caller\": 0, \"line\": 40, \"file\": \"app.py\", \"function\": \"main\"}\n"
      "site {\"caller\": 1, \"line\": 12, \"file\": \"app.py\", \"function\": \"parse\"}\n"
      "m mem 10 !2\nm raw 5 !1\nm raw 5 !2\nm raw 5\nf raw 0\n");
  const Finding& finding = report.findings.at(0);
  EXPECT_EQ(finding.site, std::nullopt);
  EXPECT_EQ(finding.block->site, "app.py:12 in parse < app.py:40 in main");
  EXPECT_EQ(to_json(report)["findings"][0]["block"]["site"], *finding.block->site);
  EXPECT_THAT(under(finding, "pymalloc_debug").dump,
              testing::HasSubstr("Memory block allocated at (most recent call first):\n"
                                 "  File \"app.py\", line 12\n  File \"app.py\", line 40\n"));
  ASSERT_THAT(report.left_groups, SizeIs(3)) << "blocks of different sites are different leaks";
}

TEST(Check, ActsBlocksOutThatThisMachineCouldNotHold) {
  const CheckReport report = check("m raw 0x400000000000\nf mem 0\n");
  const Outcome& outcome = under(report.findings.at(0), "pymalloc_debug");
  EXPECT_EQ(outcome.kind, OutcomeKind::fatal_error);
  EXPECT_EQ(outcome.dump, "");
}

// Any order of any calls is judged without harm, and the same way twice.
TEST(Check, JudgesWhateverProgramsDo) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Random random(seed);
    const std::string path = testing::TempDir() + "check_test_random.pmtrace";
    {
      TraceWriter writer = TraceWriter::create(path, {});
      for (int i = 0; i < 2000; ++i) {
        const auto domain = static_cast<Domain>(random.below(4));
        const std::uint64_t size = random.below(random.chance(1, 4) ? 2000 : 300);
        const Slot slot = static_cast<Slot>(random.below(writer.slots() + 1ull));
        const auto kind = static_cast<EventKind>(random.below(7));
        const bool names_block = kind == EventKind::realloc || kind == EventKind::free;
        if (names_block && slot >= writer.slots()) continue;
        writer.append({.kind = kind,
                       .domain = domain,
                       .failed = kind != EventKind::free && kind != EventKind::free_unknown &&
                                 random.chance(1, 8),
                       .slot = names_block ? slot : kNoSlot,
                       .size = size,
                       .address = kind == EventKind::free_unknown ? 4096u : 0u,
                       .old_address = 8192});
      }
      writer.finish();
    }
    for (const char* const profile : {"3.6", "3.8", "3.13"}) {
      const CheckOptions options{.profile = profile, .limit = 100000};
      const CheckReport report = check_trace(path, options);
      EXPECT_GT(report.wrong(), 100u) << "seed " << seed;
      for (const Finding& finding : report.findings)
        EXPECT_THAT(finding.outcomes, SizeIs(is_misuse(finding.kind) ? 4 : 0));
      EXPECT_EQ(to_json(report), to_json(check_trace(path, options))) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace pymemlab
