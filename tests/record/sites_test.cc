// Sites: the lines of Python that asked for blocks, on every CPython of this machine.
#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include "tests/interpreters.h"
#include "tests/record/recording.h"

namespace pymemlab {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

// Line 4 asks for 100,000 bytes and something, line 10 for 70,000, a thread's line 14 for 50,000.
constexpr const char* kProgram = R"(import os, sys, threading
class Größe:
    def hold(self, n):
        return bytes(n)
def parse(n):
    return Größe().hold(n)
def main(keep):
    for i in range(5):
        keep.append(parse(100000))
        keep.append(bytes(70000 - i % 2))
keep = []
main(keep)
def work(keep):
    keep.append(bytes(50000))
thread = threading.Thread(target=work, args=(keep,))
thread.start()
thread.join()
class Late:
    def __iter__(self):
        yield bytes(30000)
keep.extend(Late())
)";

class Sites : public RecordTest, public testing::WithParamInterface<Interpreter> {
 protected:
  [[nodiscard]] CommandResult record_sites(const std::string& option,
                                           const std::vector<std::string>& arguments,
                                           const CommandOptions& options = {}) const {
    std::vector<std::string> words = {pymemlab(), "record", option,         "-o",
                                      trace(),    "--",     GetParam().path};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run(words, options);
  }
  // The sites of blocks of about that size, that several versions' headers make larger.
  [[nodiscard]] std::set<std::string> sites_of(std::uint64_t bytes) const {
    std::set<std::string> texts;
    TraceReader reader = TraceReader::open(trace(), {.sites = true});
    EXPECT_TRUE(reader.has_sites());
    EventBatch batch;
    while (reader.next(batch)) {
      OperationCursor cursor(batch);
      for (Operation o; cursor.next(o);) {
        if ((takes_new_slot(o.kind) || o.kind == EventKind::realloc) && o.bytes() > bytes &&
            o.bytes() < bytes + 100)
          texts.insert(site_text(reader.sites(), o.site));
      }
    }
    return texts;
  }
};

TEST_P(Sites, NameTheLinesAndTheirCallers) {
  write_file("app.py", kProgram);
  ASSERT_EQ(record_sites("--sites=3", {in_folder("app.py")}).status, 0);
  const std::string app = in_folder("app.py");
  const bool qualified = GetParam().minor >= 11;
  const std::string hold = qualified ? "Größe.hold" : "hold";
  EXPECT_THAT(sites_of(100000), testing::ElementsAre(app + ":4 in " + hold + " < " + app +
                                                     ":6 in parse < " + app + ":9 in main"));
  EXPECT_THAT(sites_of(69999),
              testing::ElementsAre(app + ":10 in main < " + app + ":12 in <module>"));
  const std::set<std::string> thread = sites_of(50000);
  ASSERT_THAT(thread, SizeIs(1));
  EXPECT_THAT(*thread.begin(), HasSubstr(app + ":14 in work < "));
  EXPECT_THAT(*thread.begin(), HasSubstr("threading.py:"));
  const std::string iterated = qualified ? "Late.__iter__" : "__iter__";
  EXPECT_THAT(sites_of(30000),
              testing::ElementsAre(app + ":20 in " + iterated + " < " + app + ":21 in <module>"));
}

TEST_P(Sites, AreToldOnceAndRanked) {
  write_file("app.py", kProgram);
  ASSERT_EQ(record_sites("--sites", {in_folder("app.py")}).status, 0);
  TraceReader reader = TraceReader::open(trace(), {.sites = true});
  for (EventBatch batch; reader.next(batch);) {
  }
  std::set<std::string> texts;
  for (SiteNumber site = 1; site <= reader.sites().size(); ++site)
    EXPECT_TRUE(texts.insert(site_text(reader.sites(), site)).second)
        << site_text(reader.sites(), site);
  const CommandResult info = run({pymemlab(), "info", "--top=3", trace()});
  EXPECT_EQ(info.status, 0) << info.err;
  EXPECT_THAT(info.out, HasSubstr(in_folder("app.py") + ":4 in "));
  EXPECT_THAT(info.out, HasSubstr("other sites)"));
}

TEST_P(Sites, AreOneLineDeepUnlessMoreIsAskedForAndLeavePlacementProved) {
  write_file("app.py", kProgram);
  ASSERT_EQ(record_sites("--sites", {in_folder("app.py")}).status, 0);
  EXPECT_THAT(sites_of(50000), testing::ElementsAre(in_folder("app.py") + ":14 in work"));
  const CommandResult proved = run({pymemlab(), "verify", trace()});
  EXPECT_EQ(proved.status, 0) << proved.out << proved.err;
}

TEST_P(Sites, OfCodeThatComesWhereOtherCodeWas) {
  write_file("app.py", R"py(keep = []
for i in range(300):
    scope = {"keep": keep}
    exec(compile("\n" * i + "def f():\n    keep.append(bytes(20000 + %d))\nf()" % (i % 50),
                 "file%d.py" % i, "exec"), scope)
    del scope
    keep.clear()
)py");
  ASSERT_EQ(record_sites("--sites", {in_folder("app.py")}).status, 0);
  std::map<std::string, int> wrong;
  int right = 0;
  TraceReader reader = TraceReader::open(trace(), {.sites = true});
  EventBatch batch;
  int made = 0;
  while (reader.next(batch)) {
    OperationCursor cursor(batch);
    for (Operation o; cursor.next(o);) {
      if (!takes_new_slot(o.kind) || o.nested || o.bytes() < 20020 || o.bytes() > 20090) continue;
      const std::string number = std::to_string(made);
      const std::string wanted = "file" + number + ".py:" + std::to_string(made + 2) + " in f";
      ++made;
      const std::string got = site_text(reader.sites(), o.site);
      got == wanted ? ++right : ++wrong[got + " for " + wanted];
    }
  }
  EXPECT_EQ(right, 300) << testing::PrintToString(wrong);
}

TEST_P(Sites, OfChildrenAreTheirs) {
  write_file("app.py", R"(import os
def before(n):
    return bytes(n)
keep = before(40000)
child = os.fork()
if child == 0:
    more = before(45000)
    other = bytes(47000)
    os._exit(0)
os.waitpid(child, 0)
)");
  const CommandResult result = run({pymemlab(), "record", "--sites=2", "--all-processes", "-o",
                                    in_folder("tree"), "--", GetParam().path, in_folder("app.py")});
  ASSERT_EQ(result.status, 0) << result.err;
  std::set<std::string> texts;
  for (const auto& entry : std::filesystem::directory_iterator(in_folder("tree"))) {
    if (entry.path().extension() != ".pmtrace") continue;
    TraceReader reader = TraceReader::open(entry.path(), {.sites = true});
    EventBatch batch;
    while (reader.next(batch)) {
      OperationCursor cursor(batch);
      for (Operation o; cursor.next(o);)
        if (takes_new_slot(o.kind) && o.bytes() > 40000 && o.bytes() < 48000 && !o.nested)
          texts.insert(std::to_string(o.bytes() / 1000) + " " + site_text(reader.sites(), o.site));
    }
  }
  const std::string app = in_folder("app.py");
  EXPECT_THAT(texts,
              testing::IsSupersetOf({"40 " + app + ":3 in before < " + app + ":4 in <module>",
                                     "45 " + app + ":3 in before < " + app + ":7 in <module>",
                                     "47 " + app + ":8 in <module>"}));
}

TEST_P(Sites, AreNotThereUnlessAskedFor) {
  ASSERT_EQ(record({GetParam().path, "-c", "pass"}).status, 0);
  EXPECT_FALSE(TraceReader::open(trace()).has_sites());
  const CommandResult info = run({pymemlab(), "info", "--top", trace()});
  EXPECT_EQ(info.status, 2);
  EXPECT_THAT(info.err,
              HasSubstr("does not tell where blocks were asked for; record with --sites"));
}

INSTANTIATE_TEST_SUITE_P(Every, Sites, testing::ValuesIn(interpreters_in_turn()),
                         [](const auto& info) { return info.param.test_name(); });

}  // namespace
}  // namespace pymemlab
