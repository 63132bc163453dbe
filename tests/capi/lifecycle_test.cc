// Making and ending the interpreter: names, the environment, first use, fork, cycles, statistics.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

#include "tests/capi/interpreter_fixture.h"

namespace pymemlab::testing_capi {
namespace {

// An environment variable with another value while it lives; nullptr: not set.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    set(value);
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ~ScopedVariable() { set(old_ ? old_->c_str() : nullptr); }

 private:
  void set(const char* value) const {
    value != nullptr ? ::setenv(name_, value, 1) : ::unsetenv(name_);
  }
  const char* name_;
  std::optional<std::string> old_;
};

std::string statistics() {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* stream = ::open_memstream(&text, &size);
  const int written = PyMemLab_DebugMallocStats(stream);
  std::fclose(stream);
  const std::string result(text, size);
  std::free(text);
  EXPECT_EQ(written, result.empty() ? 0 : 1);
  return result;
}

// What a program can see of its configuration.
std::string observed_configuration() {
  PyMemAllocatorEx raw;
  PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &raw);
  const bool debug = raw.ctx != nullptr;  // libc's has none
  return std::string(statistics().empty() ? "malloc" : "pymalloc") + (debug ? "_debug" : "");
}

TEST(Initialize, KnowsEveryNameOfEveryProfile) {
  const ScopedVariable unset("PYTHONMALLOC", nullptr);
  for (const char* profile : all_profiles()) {
    const bool is_36 = std::string_view(profile) == "3.6";
    const std::vector<std::pair<const char*, const char*>> names = {
        {nullptr, "pymalloc"},
        {"", "pymalloc"},
        {"debug", is_36 ? "malloc_debug" : "pymalloc_debug"},
        {"pymalloc", "pymalloc"},
        {"pymalloc_debug", "pymalloc_debug"},
        {"malloc", "malloc"},
        {"malloc_debug", "malloc_debug"}};
    for (const auto& [name, configuration] : names) {
      const ScopedInterpreter interpreter(profile, name);
      EXPECT_EQ(observed_configuration(), configuration) << profile;
    }
    EXPECT_EQ(PyMemLab_Initialize(profile, "default"), is_36 ? -1 : 0);
    PyMemLab_Finalize();
  }
}

TEST(Initialize, TakesTheEnvironmentWhereNoConfigurationIsNamed) {
  for (const char* name : kConfigurations) {
    const ScopedVariable variable("PYTHONMALLOC", name);
    {
      const ScopedInterpreter interpreter("3.12", nullptr);
      EXPECT_EQ(observed_configuration(), name);
    }
    {
      const ScopedInterpreter interpreter("3.12", "");
      EXPECT_EQ(observed_configuration(), "pymalloc") << "an empty name is none";
    }
    EXPECT_EQ(observed_configuration(), name) << "so does first use";
    PyMemLab_Finalize();
  }
}

TEST(Initialize, RefusesUnknownNamesInOneSentence) {
  const ScopedVariable unset("PYTHONMALLOC", nullptr);
  EXPECT_EQ(PyMemLab_Initialize("2.7", nullptr), -1);
  EXPECT_THAT(PyMemLab_LastError(),
              testing::StartsWith("no profile is named \"2.7\": there are 3.6"));
  EXPECT_EQ(PyMemLab_Initialize("3.12", "jemalloc"), -1);
  EXPECT_THAT(PyMemLab_LastError(), testing::StartsWith("PYTHONMALLOC=jemalloc: "));
  EXPECT_THAT(PyMemLab_LastError(), testing::HasSubstr("pymalloc_debug"));
  std::thread([] { EXPECT_STREQ(PyMemLab_LastError(), ""); }).join();
  EXPECT_EQ(PyMemLab_Initialize("3.12", "malloc"), 0) << "a failure leaves nothing behind";
  PyMemLab_Finalize();
}

TEST(Initialize, IsRefusedWhileThereIsAnInterpreter) {
  {
    const ScopedInterpreter interpreter("3.8", "malloc");
    EXPECT_EQ(PyMemLab_Initialize("3.8", "malloc"), -1);
    EXPECT_THAT(PyMemLab_LastError(), testing::HasSubstr("PyMemLab_Finalize"));
    EXPECT_EQ(observed_configuration(), "malloc") << "it is as it was";
  }
  PyMem_RawFree(nullptr);
  EXPECT_EQ(PyMemLab_Initialize("3.8", "malloc"), -1) << "first use has made one";
  PyMemLab_Finalize();
  PyMemLab_Finalize();
}

TEST(Initialize, DefaultsToTheNewestRelease) {
  const ScopedVariable unset("PYTHONMALLOC", nullptr);
  const std::string by_default = [] {
    const ScopedInterpreter interpreter(nullptr, nullptr);
    PyObject_Free(PyObject_Malloc(1));
    return statistics();
  }();
  const ScopedInterpreter interpreter("3.14", "pymalloc");
  PyObject_Free(PyObject_Malloc(1));
  EXPECT_THAT(statistics(), testing::HasSubstr("1 arenas * 1048576 bytes/arena"));
  EXPECT_THAT(by_default, testing::HasSubstr("1 arenas * 1048576 bytes/arena"));
}

TEST(InitializeDeathTest, FirstUseEndsTheProcessWherePythonmallocIsUnknown) {
  const ScopedVariable variable("PYTHONMALLOC", "foo");
  EXPECT_EXIT(PyMem_Malloc(1), testing::ExitedWithCode(1),
              "^PYTHONMALLOC=foo: CPython 3.14 refuses it with \"Fatal Python error: "
              "preconfig_init_allocator: PYTHONMALLOC: unknown allocator\": wanted one of default");
}

class Lifecycle : public InEveryWorld {};
IN_EVERY_WORLD(Lifecycle);

TEST_P(Lifecycle, ReportsBeforeEachArenaAndAtTheEnd) {
  for (const auto& [value, reports] : {std::pair("1", true), {"0", true}, {"", false}}) {
    const ScopedVariable variable("PYTHONMALLOCSTATS", value);
    testing::internal::CaptureStderr();
    {
      const ScopedInterpreter fresh = again();
      PyObject_Free(PyObject_Malloc(100));
    }
    const std::string text = testing::internal::GetCapturedStderr();
    const std::string headline = "Small block threshold = 512, in ";
    const std::size_t first = text.find(headline);
    const std::size_t last = text.rfind(headline);
    const bool expected = reports && has_pymalloc();
    EXPECT_EQ(first != std::string::npos, expected);
    EXPECT_EQ(first < last, expected) << "two of them";
    if (expected) {
      EXPECT_THAT(text.substr(first, last - first),
                  testing::HasSubstr("# arenas allocated total           =                    0"));
      EXPECT_THAT(text.substr(last),
                  testing::HasSubstr("# arenas allocated total           =                    1"));
    }
  }
}

TEST_P(Lifecycle, StatisticsAndBlockCountsComeWithPymallocAndMimalloc) {
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
  std::vector<void*> blocks;
  for (int i = 0; i < 100; ++i) blocks.push_back(PyObject_Malloc(static_cast<std::size_t>(i) * 10));
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), counts_blocks() ? 100 : 0);
  void* raw = PyMem_RawMalloc(10);
  if (!has_mimalloc_in_raw()) {
    EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), counts_blocks() ? 100 : 0) << "raw is not counted";
  }
  PyMem_RawFree(raw);
  if (counts_blocks()) {
    EXPECT_THAT(statistics(),
                testing::StartsWith(has_pymalloc() ? "Small block threshold = 512, in "
                                                   : "Small block threshold = 16384, in "));
  } else {
    EXPECT_EQ(statistics(), "");
  }
  for (void* block : blocks) PyObject_Free(block);
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
}

TEST_P(Lifecycle, AForkedChildAndItsParentRunToTheEnd) {
  void* inherited = PyMem_Malloc(50);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  exercise(3, 300, {kDomains.begin(), kDomains.end()});
  PyMem_Free(inherited);
  if (child == 0) {
    PyMemLab_Finalize();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_P(Lifecycle, CyclesOfInterpretersAccumulateNoArenas) {
  struct Counting {
    PyObjectArenaAllocator below{};
    int live = 0;
    int given = 0;
  } counting;
  for (int cycle = 0; cycle < 10; ++cycle) {
    {
      const ScopedInterpreter fresh = again();
      PyObject_GetArenaAllocator(&counting.below);
      PyObjectArenaAllocator record = {.ctx = &counting,
                                       .alloc =
                                           [](void* ctx, std::size_t size) {
                                             auto& self = *static_cast<Counting*>(ctx);
                                             ++self.live, ++self.given;
                                             return self.below.alloc(self.below.ctx, size);
                                           },
                                       .free =
                                           [](void* ctx, void* ptr, std::size_t size) {
                                             auto& self = *static_cast<Counting*>(ctx);
                                             --self.live;
                                             self.below.free(self.below.ctx, ptr, size);
                                           }};
      PyObject_SetArenaAllocator(&record);
      exercise(4, 200, {PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ});
    }
    EXPECT_EQ(counting.live, 0);
  }
  EXPECT_EQ(counting.given, has_pymalloc() ? 10 : 0);
}

TEST_P(Lifecycle, TheThreadThatInitializesHoldsTheGil) {
  EXPECT_EQ(PyGILState_Check(), 1);
  std::thread([] { EXPECT_EQ(PyGILState_Check(), 0); }).join();
  Py_BEGIN_ALLOW_THREADS;
  EXPECT_EQ(PyGILState_Check(), 0);
  Py_BLOCK_THREADS;
  EXPECT_EQ(PyGILState_Check(), 1);
  Py_UNBLOCK_THREADS;
  Py_END_ALLOW_THREADS;
  EXPECT_EQ(PyGILState_Check(), 1);
}

}  // namespace
}  // namespace pymemlab::testing_capi
