// The chapter's examples and the Cython tutorial's programs, in every profile and configuration.
#include <gmock/gmock.h>

#include <cstdio>
#include <cstdlib>
#include <functional>

#include "tests/capi/chapter_examples.h"
#include "tests/capi/cython_tutorial.h"
#include "tests/capi/interpreter_fixture.h"
#include "tests/capi/python_stubs.h"

namespace pymemlab::testing_capi {
namespace {

class Examples : public InEveryWorld {};
IN_EVERY_WORLD(Examples);

TEST_P(Examples, TheChaptersBuffersBecomeBytes) {
  for (auto* example : {buffer_from_malloc, buffer_from_pymem_malloc, buffer_from_pymem_new}) {
    PyObject* bytes = example();
    ASSERT_NE(bytes, nullptr);
    EXPECT_STREQ(PyBytes_AsString(bytes), "some I/O");
    EXPECT_EQ(Py_SIZE(bytes), 8);
    EXPECT_EQ(Py_REFCNT(bytes), 1);
    EXPECT_STREQ(Py_TYPE(bytes)->tp_name, "bytes");
    PyObject_Del(bytes);
  }
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
}

TEST_P(Examples, TheChaptersThreeBuffersAreReleasedEachInItsWay) {
  EXPECT_EQ(three_buffers_released_rightly(), 0);
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
}

TEST_P(Examples, WithoutMemoryTheChaptersExamplesRaiseMemoryError) {
  const NoMemory exhausted;
  for (auto* example : {buffer_from_malloc, buffer_from_pymem_malloc, buffer_from_pymem_new}) {
    memory_errors = 0;
    EXPECT_EQ(example(), nullptr);
    EXPECT_EQ(memory_errors, 1);
  }
}

TEST_P(Examples, CythonsRandomNoiseMakesAListOfFloats) {
  for (const int number : {0, 1, 100, 3000}) {
    FloatList* list = random_noise(number);
    ASSERT_NE(list, nullptr);
    EXPECT_EQ(list->ob_size, number);
    for (Py_ssize_t i = 0; i < list->ob_size; ++i) {
      EXPECT_LT(std::abs(list->ob_item[i]->ob_fval), 0.5);
    }
    FloatList_Dealloc(list);
  }
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
}

TEST_P(Examples, CythonsSomeMemoryKeepsItsContentWhenResized) {
  SomeMemory* memory = SomeMemory_New(50);
  ASSERT_NE(memory, nullptr);
  for (int i = 0; i < 50; ++i) memory->data[i] = i;
  for (const std::size_t number : {60u, 1000u, 55u, 50u}) {
    ASSERT_EQ(SomeMemory_Resize(memory, number), 0);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(memory->data[i], i);
  }
  SomeMemory_Dealloc(memory);
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
}

TEST_P(Examples, CythonsSomeMemoryIsWholeAfterAFailedResize) {
  SomeMemory* memory = SomeMemory_New(3);
  for (int i = 0; i < 3; ++i) memory->data[i] = i;
  EXPECT_EQ(SomeMemory_Resize(memory, PY_SSIZE_T_MAX / sizeof(double) + 1), -1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(memory->data[i], i);
  SomeMemory_Dealloc(memory);
}

TEST_P(Examples, WithoutMemoryCythonsProgramsFailInOrder) {
  const NoMemory exhausted;
  EXPECT_EQ(random_noise(10), nullptr);
  EXPECT_EQ(SomeMemory_New(10), nullptr);
}

// BUFSIZ bytes are too many for a pool: without hooks the block is malloc's, and free takes it.
// Otherwise the block begins elsewhere than malloc thinks, and how its free ends the process (a
// signal or a sanitizer's report) is the C library's affair.
TEST_P(Examples, TheMixedUpReleaseIsFatalWhereTheBlockIsNotMallocs) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer's free takes any pointer";
#endif
  const auto is_fatal = [](std::size_t size) {
    EXPECT_EXIT((three_buffers_released_wrongly(size), std::exit(0)),
                std::not_fn(testing::ExitedWithCode(0)), "");
  };
  if (has_pymalloc()) is_fatal(48);
  if (is_debug() || has_mimalloc()) {
    is_fatal(BUFSIZ);
  } else {
    EXPECT_EXIT((three_buffers_released_wrongly(BUFSIZ), std::exit(0)), testing::ExitedWithCode(0),
                "");
  }
}

}  // namespace
}  // namespace pymemlab::testing_capi
