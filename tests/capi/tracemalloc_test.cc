// tracemalloc through the C API.
#include <gmock/gmock.h>

#include <thread>

#include "tests/capi/interpreter_fixture.h"

namespace pymemlab::testing_capi {
namespace {

class Tracing : public InEveryWorld {};
IN_EVERY_WORLD(Tracing);

std::size_t current_bytes() {
  std::size_t current = 0;
  PyMemLab_GetTracedMemory(&current, nullptr);
  return current;
}

// A frame that is left with its scope.
class Entered {
 public:
  Entered(const char* filename, int lineno) : frame_{filename, lineno, nullptr} {
    PyMemLab_EnterFrame(&frame_);
  }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
  ~Entered() { PyMemLab_LeaveFrame(); }

 private:
  PyMemLab_Frame frame_;
};

std::vector<std::string> traceback_of(unsigned domain, std::uintptr_t block) {
  PyMemLab_Frame frames[8];
  const std::size_t count = PyMemLab_GetTraceback(domain, block, frames, 8);
  std::vector<std::string> lines;
  const PyMemLab_Frame* frame = count > 0 ? frames : nullptr;
  for (; frame != nullptr; frame = frame->back) {
    lines.push_back(std::string(frame->filename) + ":" + std::to_string(frame->lineno));
  }
  EXPECT_EQ(lines.size(), count);
  return lines;
}
std::vector<std::string> traceback_of(const void* block) {
  return traceback_of(0, reinterpret_cast<std::uintptr_t>(block));
}

TEST_P(Tracing, CountsTheBytesAskedForInAllDomains) {
  ASSERT_EQ(PyMemLab_TraceMallocStart(1), 0);
  std::vector<void*> blocks;
  for (const auto domain : kDomains) {
    blocks.push_back(malloc_in(domain, 100));
    blocks.push_back(calloc_in(domain, 10, 100));
    blocks.push_back(realloc_in(domain, malloc_in(domain, 7), 3000));
  }
  EXPECT_EQ(current_bytes(), 3u * (100 + 1000 + 3000));
  for (std::size_t i = 0; i < blocks.size(); ++i) free_in(kDomains[i / 3], blocks[i]);
  EXPECT_EQ(current_bytes(), 0u);
  std::size_t peak = 0;
  PyMemLab_GetTracedMemory(nullptr, &peak);
  EXPECT_EQ(peak, 12300u);
  PyMemLab_TraceMallocStop();
  PyMemLab_GetTracedMemory(nullptr, &peak);
  EXPECT_EQ(peak, 0u);
}

TEST_P(Tracing, KeepsAsManyFramesAsWereAskedFor) {
  ASSERT_EQ(PyMemLab_TraceMallocStart(2), 0);
  const Entered main("main.py", 10);
  void* outer = PyMem_Malloc(5);
  void* inner = nullptr;
  {
    const Entered caller("caller.py", 20);
    const Entered callee("callee.py", 30);
    inner = PyObject_Malloc(5);
  }
  EXPECT_THAT(traceback_of(outer), testing::ElementsAre("main.py:10"));
  EXPECT_THAT(traceback_of(inner), testing::ElementsAre("callee.py:30", "caller.py:20"));
  PyMemLab_Frame one;
  EXPECT_EQ(PyMemLab_GetTraceback(0, reinterpret_cast<std::uintptr_t>(inner), &one, 1), 2u);
  EXPECT_STREQ(one.filename, "callee.py");
  EXPECT_EQ(one.back, nullptr);
  PyMem_Free(outer);
  const auto freed = reinterpret_cast<std::uintptr_t>(inner);
  PyObject_Free(inner);
  EXPECT_THAT(traceback_of(0, freed), testing::IsEmpty());
}

TEST_P(Tracing, OutsideOfAnyFrameThePlaceIsUnknown) {
  ASSERT_EQ(PyMemLab_TraceMallocStart(1), 0);
  PyMemLab_LeaveFrame();  // harmless where there is none
  void* block = PyMem_RawMalloc(5);
  EXPECT_THAT(traceback_of(block), testing::ElementsAre("<unknown>:0"));
  PyMem_RawFree(block);
}

TEST_P(Tracing, TracksBlocksOfOthersWithFiveFrames) {
  constexpr std::uintptr_t kBlock = 0x123456;
  EXPECT_EQ(PyTraceMalloc_Track(5, kBlock, 40), -2) << "not tracing";
  EXPECT_EQ(PyTraceMalloc_Untrack(5, kBlock), -2);
  ASSERT_EQ(PyMemLab_TraceMallocStart(5), 0);

  const Entered frames[] = {{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5}, {"f", 6}};
  const auto five = testing::ElementsAre("f:6", "e:5", "d:4", "c:3", "b:2");
  EXPECT_EQ(PyTraceMalloc_Track(5, kBlock, 10'000'000), 0);
  EXPECT_THAT(traceback_of(5, kBlock), five);
  EXPECT_EQ(current_bytes(), 10'000'000u);
  EXPECT_EQ(PyTraceMalloc_Track(5, kBlock, 20'000'000), 0) << "again replaces";
  EXPECT_EQ(current_bytes(), 20'000'000u);
  EXPECT_EQ(PyTraceMalloc_Track(6, kBlock, 7), 0) << "another domain adds";
  EXPECT_EQ(current_bytes(), 20'000'007u);

  Py_BEGIN_ALLOW_THREADS;
  EXPECT_EQ(PyTraceMalloc_Track(7, kBlock, 40), 0) << "without the GIL";
  EXPECT_EQ(PyGILState_Check(), 0);
  EXPECT_EQ(PyTraceMalloc_Untrack(6, kBlock), 0);
  Py_END_ALLOW_THREADS;
  EXPECT_THAT(traceback_of(7, kBlock), five);

  for (const unsigned domain : {5u, 5u, 7u, 99u}) {
    EXPECT_EQ(PyTraceMalloc_Untrack(domain, kBlock), 0) << "may be repeated";
  }
  EXPECT_EQ(current_bytes(), 0u);
  PyMemLab_TraceMallocStop();
  EXPECT_EQ(PyTraceMalloc_Track(5, kBlock, 40), -2);
  EXPECT_EQ(PyTraceMalloc_Untrack(5, kBlock), -2);
}

TEST_P(Tracing, RefusesNumbersOfFramesThatTheProfileDoesNotAllow) {
  const bool old =
      testing::Matches(testing::AnyOf("3.6", "3.7.3", "3.7", "3.8"))(std::string(profile()));
  const int most = old ? 178956969 : 65535;
  for (const int frames : {0, -1, most + 1}) {
    EXPECT_EQ(PyMemLab_TraceMallocStart(frames), -1);
    EXPECT_EQ(PyMemLab_LastError(),
              "the number of frames must be in range [1; " + std::to_string(most) + "]");
  }
  EXPECT_EQ(PyMemLab_TraceMallocStart(most), 0);
  EXPECT_EQ(PyMemLab_TraceMallocStart(1), 0) << "it runs already";
}

TEST_P(Tracing, EndsWithTheInterpreter) {
  ASSERT_EQ(PyMemLab_TraceMallocStart(1), 0);
  PyMem_Free(PyMem_Malloc(10));
  const ScopedInterpreter fresh = again();
  EXPECT_EQ(PyTraceMalloc_Track(0, 1, 1), -2);
  PyMem_Free(PyMem_Malloc(10));
}

}  // namespace
}  // namespace pymemlab::testing_capi
