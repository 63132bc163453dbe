// Programs that have a CPython inside, and programs that set its allocators themselves.
#include <gmock/gmock.h>

#include <cstdlib>

#include "tests/interpreters.h"
#include "tests/record/recording.h"

namespace pymemlab {
namespace {

using testing::AllOf;

constexpr const char* kEmbedded =
    "kept = [str(i) for i in range(20000)]; last = bytearray(2222222); print(len(kept))";

class EveryEmbedded : public RecordTest, public testing::WithParamInterface<Interpreter> {
 protected:
  // Records the program that loads libpython while it runs, or with `linked` has it from its start.
  [[nodiscard]] CommandResult record_embedder(const std::string& allocators,
                                              bool linked = false) const {
    const char* loader = std::getenv("PYMEMLAB_LATE_LOADER");
    if (loader == nullptr) return {};
    const CommandResult home =
        run({GetParam().path, "-c", "import sys; print(sys.base_prefix, end='')"});
    CommandOptions options = {.environment = {{"PYTHONHOME", home.out}}};
    // A sanitized pymemlab would want to be preloaded first itself.
    options.environment.emplace_back("ASAN_OPTIONS", "verify_asan_link_order=0");
    if (linked) options.environment.emplace_back("LD_PRELOAD", GetParam().shared_library);
    return record({loader, GetParam().shared_library, kEmbedded, allocators}, options);
  }
  [[nodiscard]] static int minor() { return GetParam().minor; }
};

TEST_P(EveryEmbedded, IsRecordedWhereAProgramLoadsItsLibraryLate) {
  const CommandResult recorded = record_embedder("its");
  EXPECT_EQ(recorded.status, 0) << recorded.err;
  EXPECT_EQ(recorded.out, "20000\n");
  const TraceFacts facts = this->facts();
  EXPECT_GT(facts.requests[index(Domain::obj)], 20000u);
  EXPECT_THAT(facts.sizes, about(2222222));
  EXPECT_EQ(facts.overlaps, 0u);
}

TEST_P(EveryEmbedded, IsRecordedWhereAProgramIsLinkedWithIt) {
  const CommandResult recorded = record_embedder("its", true);
  EXPECT_EQ(recorded.status, 0) << recorded.err;
  EXPECT_EQ(recorded.out, "20000\n");
  const TraceFacts facts = this->facts();
  EXPECT_GT(facts.requests[index(Domain::obj)], 20000u);
  EXPECT_EQ(facts.overlaps, 0u);
  EXPECT_EQ(facts.unknown, 0u);
}

// The agent wraps what the program has put in place of its hooks.
TEST_P(EveryEmbedded, IsRecordedWhereTheProgramGivesItAllocatorsBeforeItStarts) {
  for (const bool linked : {false, true}) {
    SCOPED_TRACE(linked);
    const CommandResult recorded = record_embedder("before", linked);
    EXPECT_EQ(recorded.status, 0) << recorded.err;
    const TraceFacts facts = this->facts();
    EXPECT_GT(facts.requests[index(Domain::obj)], 20000u);
    EXPECT_THAT(facts.sizes, about(2222222));
    EXPECT_EQ(facts.overlaps, 0u);
  }
}

// What the program puts in front of the hooks passes its calls on to them.
TEST_P(EveryEmbedded, IsRecordedWhereTheProgramWrapsTheAllocatorsAfterwards) {
  const CommandResult recorded = record_embedder("after", true);
  EXPECT_EQ(recorded.status, 0) << recorded.err;
  const TraceFacts facts = this->facts();
  EXPECT_GT(facts.requests[index(Domain::obj)], 20000u);
  EXPECT_THAT(facts.sizes, about(2222222));
  EXPECT_EQ(facts.overlaps, 0u);
  EXPECT_EQ(facts.unknown, 0u);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryEmbedded);
bool has_library(const Interpreter& python) { return !python.shared_library.empty(); }
INSTANTIATE_TEST_SUITE_P(Record, EveryEmbedded,
                         testing::ValuesIn(interpreters_in_turn(has_library)),
                         [](const auto& info) { return info.param.test_name(); });

class EveryScript : public RecordTest, public testing::WithParamInterface<Interpreter> {};

// CPython's own test module puts allocators in front of the hooks in all domains, and takes them
// away again.
TEST_P(EveryScript, IsRecordedWhileItSetsAllocatorsAndTakesThemAway) {
  write_file("script.py", R"py(
try:
    import _testcapi as api
except ImportError:
    raise SystemExit(66)
kept = [[str(i)] for i in range(3000)]
api.set_nomemory(1 << 30, 0)
del kept[:1500]
within = bytearray(2222222)
more = [[str(i)] for i in range(3000)]
api.remove_mem_hooks()
del kept, more
for name in 'pymem_setrawallocators', 'pymem_setallocators', 'pyobject_setallocators':
    test = getattr(api, 'test_' + name, None)
    if test: test()
last = bytearray(3333333)
)py");
  const CommandResult recorded = record({GetParam().path, in_folder("script.py")});
  if (recorded.status == 66) GTEST_SKIP() << GetParam().path << " has no _testcapi";
  EXPECT_EQ(recorded.status, 0) << recorded.err;
  const TraceFacts facts = this->facts();
  EXPECT_THAT(facts.sizes, AllOf(about(2222222), about(3333333)));
  EXPECT_EQ(facts.unknown, 0u);
  EXPECT_EQ(facts.overlaps, 0u);
  EXPECT_EQ(facts.damage, std::nullopt);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryScript);
INSTANTIATE_TEST_SUITE_P(Record, EveryScript, testing::ValuesIn(interpreters_in_turn()),
                         [](const auto& info) { return info.param.test_name(); });

}  // namespace
}  // namespace pymemlab
