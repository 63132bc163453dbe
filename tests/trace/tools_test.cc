// `pymemlab info` and `pymemlab convert` as processes: what they print where, and how they exit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using testing::bytes_of;
using ::testing::HasSubstr;
using testing::read_all;
using testing::scratch;
using ::testing::StartsWith;
using testing::write_bytes;

struct Outcome {
  int exit = -1;
  std::string out;
  std::string err;
};

// `arguments` as a shell would take them.
Outcome run(const std::string& arguments) {
  const char* program = std::getenv("PYMEMLAB");
  const std::string out = scratch("stdout");
  const std::string err = scratch("stderr");
  const std::string command = std::string(program == nullptr ? "pymemlab" : program) + " " +
                              arguments + " >" + out + " 2>" + err;
  const int status = std::system(command.c_str());
  const auto text = [](const std::string& path) {
    const std::vector<std::uint8_t> bytes = bytes_of(path);
    return std::string(bytes.begin(), bytes.end());
  };
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text(out), text(err)};
}

class Tools : public ::testing::Test {
 protected:
  void SetUp() override {
    write_stream(testing::random_stream({.events = 1000}), scratch("t.pmtrace"),
                 {.addresses = true, .chunk_events = 250},
                 {.python = PythonFacts{.version = "3.11.2"}, .source = "record", .pid = 42});
    std::vector<std::uint8_t> bytes = bytes_of(scratch("t.pmtrace"));
    bytes.resize(bytes.size() / 2);
    write_bytes(scratch("cut.pmtrace"), bytes);
  }
  [[nodiscard]] static std::string digest(const std::string& name) {
    return read_all(scratch(name)).digest;
  }
};

TEST_F(Tools, InfoPrintsAReport) {
  const Outcome report = run("info " + scratch("t.pmtrace"));
  EXPECT_EQ(report.exit, 0);
  EXPECT_EQ(report.err, "");
  EXPECT_THAT(report.out, HasSubstr("cpython 3.11.2"));
  EXPECT_THAT(report.out, HasSubstr(digest("t.pmtrace")));
  EXPECT_THAT(report.out, HasSubstr("Lifetimes in allocations"));
}

TEST_F(Tools, InfoPrintsJson) {
  const Outcome report = run("info --format json " + scratch("t.pmtrace"));
  EXPECT_EQ(report.exit, 0);
  const nlohmann::json document = nlohmann::json::parse(report.out);
  EXPECT_EQ(document["summary"]["digest"], digest("t.pmtrace"));
  EXPECT_EQ(document["summary"]["events"], 1000);
  EXPECT_EQ(document["metadata"]["pid"], 42);
}

TEST_F(Tools, InfoSaysWhatEachThreadDid) {
  const Outcome report = run("info " + scratch("t.pmtrace"));
  EXPECT_THAT(report.out, HasSubstr("Threads, the busiest first"));
  const nlohmann::json summary =
      nlohmann::json::parse(run("info --json " + scratch("t.pmtrace")).out)["summary"];
  std::uint64_t requests = 0;
  for (const nlohmann::json& thread : summary["by_thread"])
    requests += thread["requests"].get<std::uint64_t>();
  EXPECT_EQ(requests, summary["requests"]);
}

TEST_F(Tools, InfoValidatesEveryColumnAndKeyChunk) {
  const Outcome report = run("info --validate " + scratch("t.pmtrace"));
  EXPECT_EQ(report.exit, 0);
  EXPECT_THAT(report.out, HasSubstr("every column of 1000 events with addresses, "));
  EXPECT_THAT(run("info --validate - <" + scratch("t.pmtrace")).out, HasSubstr("standard input"));
}

TEST_F(Tools, InfoWarnsOfACutOffTraceAndExitsWellUnlessAskedToValidate) {
  const Outcome report = run("info " + scratch("cut.pmtrace"));
  EXPECT_EQ(report.exit, 0);
  EXPECT_THAT(report.err, StartsWith("pymemlab: warning: " + scratch("cut.pmtrace")));
  EXPECT_EQ(run("info --validate " + scratch("cut.pmtrace")).exit, 1);
  EXPECT_EQ(run("info --validate " + scratch("t.pmtrace")).exit, 0);
}

TEST_F(Tools, RefuseBadInputInOneSentence) {
  write_bytes(scratch("foreign.pmtrace"), {'h', 'e', 'l', 'l', 'o'});
  write_bytes(scratch("empty.pmtrace"), {});
  for (const std::string& subcommand : {std::string("info "), std::string("convert - -")}) {
    for (const char* const name : {"foreign.pmtrace", "empty.pmtrace"}) {
      const Outcome report = subcommand == "info " ? run(subcommand + scratch(name))
                                                   : run(subcommand + " <" + scratch(name));
      EXPECT_EQ(report.exit, 2);
      EXPECT_EQ(report.out, "");
      EXPECT_THAT(report.err, StartsWith("pymemlab: "));
      EXPECT_EQ(std::count(report.err.begin(), report.err.end(), '\n'), 1);
    }
  }
  EXPECT_EQ(run("info " + scratch("nowhere")).exit, 2);
}

TEST_F(Tools, ConvertGoesThroughPipesAndBetweenFormats) {
  EXPECT_EQ(run("convert " + scratch("t.pmtrace") + " " + scratch("t.txt")).exit, 0);
  EXPECT_EQ(run("convert " + scratch("t.txt") + " " + scratch("t2.pmtrace")).exit, 0);
  EXPECT_EQ(digest("t2.pmtrace"), digest("t.pmtrace"));
  const Outcome piped = run("convert --to text - - <" + scratch("t.pmtrace"));
  EXPECT_EQ(piped.exit, 0);
  const std::vector<std::uint8_t> text = bytes_of(scratch("t.txt"));
  EXPECT_EQ(piped.out, std::string(text.begin(), text.end()));
  const Outcome rep = run("convert " + scratch("t.txt") + " " + scratch("t.rep"));
  EXPECT_EQ(rep.exit, 0);
  EXPECT_THAT(rep.err, HasSubstr("pymemlab: note: domains"));
  EXPECT_EQ(run("convert " + scratch("t.rep") + " " + scratch("t3.txt")).exit, 0);
}

TEST_F(Tools, ConvertDropsAddressesAndMendsACutOffTrace) {
  const Outcome dropped =
      run("convert --drop address " + scratch("t.pmtrace") + " " + scratch("small.pmtrace"));
  EXPECT_EQ(dropped.exit, 0);
  EXPECT_TRUE(read_all(scratch("small.pmtrace")).metadata.columns.empty());
  EXPECT_EQ(digest("small.pmtrace"), digest("t.pmtrace"));
  const Outcome mended = run("convert " + scratch("cut.pmtrace") + " " + scratch("m.pmtrace"));
  EXPECT_EQ(mended.exit, 0);
  EXPECT_THAT(mended.err, HasSubstr("warning"));
  EXPECT_EQ(read_all(scratch("m.pmtrace")).damage, std::nullopt);
}

TEST_F(Tools, ConvertEditsTracesOnTheirWayBetweenFormats) {
  const std::string edits = "--slice 100:900 --threads 0 --anonymize --best ";
  const Outcome edited =
      run("convert " + edits + scratch("t.pmtrace") + " " + scratch("e.pmtrace"));
  EXPECT_EQ(edited.exit, 0);
  EXPECT_THAT(edited.err, HasSubstr("pymemlab: note: "));
  const auto metadata = read_all(scratch("e.pmtrace")).metadata;
  EXPECT_EQ(metadata.pid, 0);
  EXPECT_EQ(metadata.extra["slice"]["from"], 100);
  EXPECT_THAT(run("info " + scratch("e.pmtrace")).out, HasSubstr("free space at the start"));
  EXPECT_THAT(run("verify " + scratch("e.pmtrace")).err, HasSubstr("is part of a recording"));
  // The same by way of the text format and of pipes.
  EXPECT_EQ(run("convert --to text " + scratch("t.pmtrace") + " - | " +
                std::string(std::getenv("PYMEMLAB")) + " convert " + edits + "--from text - " +
                scratch("e2.pmtrace"))
                .exit,
            0);
  EXPECT_EQ(digest("e2.pmtrace"), digest("e.pmtrace"));
  EXPECT_EQ(run("convert --slice :10 " + scratch("t.pmtrace") + " " + scratch("e.txt")).exit, 0);
  const std::vector<std::uint8_t> text = bytes_of(scratch("e.txt"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 12);
}

TEST_F(Tools, ConvertMinimizesWhileACommandFails) {
  const std::string in = scratch("t.pmtrace") + " ";
  const Outcome minimized =
      run("convert --minimize --while 'test $(stat -c %s {}) -lt 1500' --most-runs 40 " + in +
          scratch("m.txt"));
  const std::vector<std::uint8_t> text = bytes_of(scratch("m.txt"));
  EXPECT_EQ(minimized.exit, 0) << minimized.err;
  EXPECT_THAT(minimized.err,
              HasSubstr("of 1000 events make the command end with status 1, after "));
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 700);
  EXPECT_THAT(minimized.err, HasSubstr("warning: stopped after --most-runs 40"));
  EXPECT_EQ(run("convert --minimize " + in + scratch("m.txt")).exit, 2);
  EXPECT_EQ(run("convert --while true " + in + scratch("m.txt")).exit, 2);
  EXPECT_THAT(run("convert --minimize --while true " + in + scratch("m.txt")).err,
              HasSubstr("wanted a command that fails"));
}

TEST_F(Tools, ConvertRefusesASliceThatIsNone) {
  for (const char* const slice : {"5", "a:b", "1:2:3", "-1:3", "7:7", ":99999999999999999999"}) {
    const Outcome refused = run("convert --slice=" + std::string(slice) + " " +
                                scratch("t.pmtrace") + " " + scratch("never.pmtrace"));
    EXPECT_EQ(refused.exit, 2) << slice;
    EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused.err;
  }
  EXPECT_EQ(bytes_of(scratch("never.pmtrace")).size(), 0u);
}

TEST_F(Tools, ConvertKnowsAFormatByItsContentAndSaysWhatItCouldNotTell) {
  const std::string log = "= Start\n+ 0x10 0x20\n+ 0x10 0x20\n= End\n";
  write_bytes(scratch("log"), {log.begin(), log.end()});
  const Outcome converted = run("convert " + scratch("log") + " " + scratch("log.pmtrace"));
  EXPECT_EQ(converted.exit, 0);
  EXPECT_THAT(converted.err, HasSubstr("note: 1 frees are missing"));
  const Outcome report = run("info " + scratch("log.pmtrace"));
  EXPECT_THAT(report.out, HasSubstr("not known                python, domains, calloc"));
  EXPECT_THAT(report.out, HasSubstr("note                     1 frees are missing"));
}

TEST_F(Tools, ConvertSaysWhatItWants) {
  const Outcome unnamed = run("convert " + scratch("t.pmtrace") + " " + scratch("t.unknown"));
  EXPECT_EQ(unnamed.exit, 2);
  EXPECT_THAT(unnamed.err, HasSubstr("say so with --to"));
  const Outcome same = run("convert " + scratch("t.pmtrace") + " " + scratch("t.pmtrace"));
  EXPECT_EQ(same.exit, 2);
  EXPECT_EQ(read_all(scratch("t.pmtrace")).operations.size(), 1000u);
  EXPECT_EQ(run("convert --from nosuch - -").exit, 2);
  const Outcome only_read = run("convert --to mtrace " + scratch("t.pmtrace") + " -");
  EXPECT_EQ(only_read.exit, 2);
  EXPECT_THAT(only_read.err, HasSubstr("this format is only read"));
}

}  // namespace
}  // namespace pymemlab
