// The page: no text of a document gets out of its element, and the plain verdict in sentences.
#include "core/report/page.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/base/input_error.h"
#include "core/report/summary.h"

namespace pymemlab {
namespace {

ComparedCell compared(const char* name, double ns, double mapped_mebibytes) {
  ComparedCell cell;
  cell.name = name;
  cell.figures.rounds = 7;
  cell.figures.ns_per_event = ns;
  cell.figures.interval = MedianInterval{.low = ns - 1, .high = ns + 1, .coverage = 0.984};
  cell.figures.peak_mapped_bytes = mapped_mebibytes * 1048576;
  return cell;
}

ComparedCell beside(ComparedCell cell, const ComparedCell& first, Verdict verdict) {
  cell.baseline = first.figures;
  cell.time.emplace().ratio = *cell.figures.ns_per_event / *first.figures.ns_per_event;
  cell.verdict = verdict;
  return cell;
}

TEST(Summary, NamesTheFastestTheSlowestAndTheSmallest) {
  const ComparedCell first = compared("pymalloc", 20, 16);
  const ComparedTrace trace{
      .path = {},
      .heading = {},
      .cells = {first, beside(compared("malloc", 10, 12), first, Verdict::faster),
                beside(compared("malloc_debug", 40, 24), first, Verdict::slower),
                beside(compared("mimalloc", 20.1, 16), first, Verdict::no_difference)}};
  EXPECT_EQ(summary_of(trace),
            (std::vector<std::string>{
                "Time: pymalloc takes 20.00 ns an event (the median of 7 rounds; 19.00 to 21.00, "
                "98 % sure).",
                "Detectably faster than pymalloc: 1, the fastest malloc with 0.50 times the time.",
                "Detectably slower: 1, malloc_debug with 2.00 times the time.",
                "No difference in time is detectable for 1 setting.",
                "Mapped at the peak: pymalloc with 16.00 MiB; the least malloc with 12.00 MiB "
                "(-25.0 %); the most malloc_debug with 24.00 MiB (+50.0 %)."}));
}

TEST(Summary, SaysWhenNothingIsFasterAndWhatIsLeftOut) {
  const ComparedCell first = compared("pymalloc", 20, 16);
  ComparedCell failed = beside(compared("malloc", 1, 1), first, Verdict::faster);
  failed.is_void = true;
  const ComparedTrace trace{
      .path = {},
      .heading = {},
      .cells = {first, failed, beside(compared("debug", 30, 20), first, Verdict::slower)}};
  const std::vector<std::string> sentences = summary_of(trace);
  EXPECT_EQ(sentences[1], "Nothing measured is detectably faster than pymalloc.");
  EXPECT_EQ(sentences[3],
            "Mapped at the peak: pymalloc with 16.00 MiB, which is the least; the most debug with "
            "20.00 MiB (+25.0 %).");
  EXPECT_EQ(sentences.back(),
            "Left out here: 1 setting in which a request failed that had not failed in the trace.");
}

TEST(Page, NoTextEndsItsElement) {
  EXPECT_EQ(script_safe(R"({"a":"</script><!--"})"), R"({"a":"\u003c/script>\u003c!--"})");
}

TEST(Page, HoldsItsDataItsStyleAndItsScripts) {
  const NamedDocument empty{.place = "r.json",
                            .document = {{"traces", nlohmann::ordered_json::array()},
                                         {"cells", nlohmann::ordered_json::array()}}};
  const std::string page = report_page(empty, nullptr);
  EXPECT_EQ(page.rfind("<!DOCTYPE html>", 0), 0u);
  for (const char* part : {"<style>", "id=\"results\">{", "Apache Software Foundation", "start();"})
    EXPECT_NE(page.find(part), page.npos) << part;
  EXPECT_EQ(page.find("{{"), page.npos);
  EXPECT_EQ(page.find("id=\"advice\">"), page.npos);
}

TEST(Advice, IsReadOnlyIfItIsWhole) {
  auto refusal = [](const char* text) -> std::string {
    const std::string path = ::testing::TempDir() + "/advice.json";
    std::ofstream(path) << text;
    try {
      static_cast<void>(read_advice(path));
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(refusal("{}").find("not an advice document"), std::string::npos);
  EXPECT_NE(refusal(R"({"schema":"pymemlab.advice","schema_version":2})").find("version 2"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"schema":"pymemlab.advice","schema_version":1})").find("damaged"),
            std::string::npos);
  EXPECT_EQ(refusal(R"({"schema":"pymemlab.advice","schema_version":1,
                        "sentences":[{"topic":"set","text":"Set nothing."}],"environment":[]})"),
            "");
}

}  // namespace
}  // namespace pymemlab
