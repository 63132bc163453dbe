// The public functions and macros as CPython's own tests of its memory API try them.
#include <gmock/gmock.h>

#include <set>

#include "tests/capi/interpreter_fixture.h"

namespace pymemlab::testing_capi {
namespace {

class Domains : public InEveryWorld {};
IN_EVERY_WORLD(Domains);

TEST_P(Domains, ZeroBytesGiveDistinctBlocks) {
  for (const auto domain : kDomains) {
    std::set<void*> blocks;
    for (int i = 0; i < 3; ++i) {
      blocks.insert(malloc_in(domain, 0));
      blocks.insert(calloc_in(domain, 0, 0));
      blocks.insert(calloc_in(domain, std::size_t{1} << 63, 0));
      blocks.insert(realloc_in(domain, nullptr, 0));
      blocks.insert(realloc_in(domain, malloc_in(domain, 100), 0));
    }
    EXPECT_EQ(blocks.size(), 15u);
    EXPECT_FALSE(blocks.contains(nullptr));
    for (void* block : blocks) free_in(domain, block);
    free_in(domain, nullptr);
  }
}

TEST_P(Domains, MoreThanTheLargestSizeIsRefusedAndLeavesTheBlock) {
  constexpr std::size_t kTooLarge = static_cast<std::size_t>(PY_SSIZE_T_MAX) + 1;
  for (const auto domain : kDomains) {
    EXPECT_EQ(malloc_in(domain, kTooLarge), nullptr);
    EXPECT_EQ(calloc_in(domain, kTooLarge / 8, 8), nullptr);
    auto* block = static_cast<char*>(malloc_in(domain, 4));
    std::memcpy(block, "abc", 4);
    EXPECT_EQ(realloc_in(domain, block, kTooLarge), nullptr);
    EXPECT_STREQ(block, "abc");
    free_in(domain, block);
  }
}

TEST_P(Domains, ContentsSurviveRandomRequests) {
  exercise(7, 3000, {kDomains.begin(), kDomains.end()});
}

TEST_P(Domains, BlocksHaveTheAlignmentPromised) {
  const bool small_classes = has_pymalloc() && (std::string_view(profile()) == "3.6" ||
                                                std::string_view(profile()) == "3.7.3");
  const std::size_t mem_and_obj = small_classes || has_mimalloc() ? 8 : 16;
  EXPECT_EQ(PyMemLab_GetAlignment(PYMEM_DOMAIN_RAW), has_mimalloc_in_raw() ? 8u : 16u);
  EXPECT_EQ(PyMemLab_GetAlignment(PYMEM_DOMAIN_MEM), mem_and_obj);
  EXPECT_EQ(PyMemLab_GetAlignment(PYMEM_DOMAIN_OBJ), mem_and_obj);
  for (const auto domain : kDomains) {
    for (std::size_t size = 0; size < 1200; size += 7) {
      void* block = malloc_in(domain, size);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % PyMemLab_GetAlignment(domain), 0u);
      free_in(domain, block);
    }
  }
}

// A hook that passes everything on and keeps what it was called with.
struct ForwardingHook {
  PyMemAllocatorEx below;
  void* ctx_seen = nullptr;
  std::size_t malloc_size = 0, calloc_nelem = 0, calloc_elsize = 0, realloc_new_size = 0;
  void* realloc_ptr = nullptr;
  void* free_ptr = nullptr;

  static ForwardingHook& of(void* ctx) {
    auto* self = static_cast<ForwardingHook*>(ctx);
    self->ctx_seen = ctx;
    return *self;
  }
  PyMemAllocatorEx record() {
    return {.ctx = this,
            .malloc =
                [](void* ctx, std::size_t size) {
                  ForwardingHook& self = of(ctx);
                  self.malloc_size = size;
                  return self.below.malloc(self.below.ctx, size);
                },
            .calloc =
                [](void* ctx, std::size_t nelem, std::size_t elsize) {
                  ForwardingHook& self = of(ctx);
                  self.calloc_nelem = nelem;
                  self.calloc_elsize = elsize;
                  return self.below.calloc(self.below.ctx, nelem, elsize);
                },
            .realloc =
                [](void* ctx, void* ptr, std::size_t new_size) {
                  ForwardingHook& self = of(ctx);
                  self.realloc_ptr = ptr;
                  self.realloc_new_size = new_size;
                  return self.below.realloc(self.below.ctx, ptr, new_size);
                },
            .free =
                [](void* ctx, void* ptr) {
                  ForwardingHook& self = of(ctx);
                  self.free_ptr = ptr;
                  self.below.free(self.below.ctx, ptr);
                }};
  }
};

TEST_P(Domains, AForwardingHookSeesEveryArgumentAndItsContext) {
  for (const auto domain : kDomains) {
    ForwardingHook hook;
    PyMem_GetAllocator(domain, &hook.below);
    PyMemAllocatorEx record = hook.record();
    PyMem_SetAllocator(domain, &record);
    const auto expect_context = [&] {
      EXPECT_EQ(hook.ctx_seen, &hook);
      hook.ctx_seen = nullptr;
    };

    void* block = malloc_in(domain, 42);
    EXPECT_EQ(hook.malloc_size, 42u);
    expect_context();
    void* moved = realloc_in(domain, block, 200);
    EXPECT_EQ(hook.realloc_ptr, block);
    EXPECT_EQ(hook.realloc_new_size, 200u);
    expect_context();
    free_in(domain, moved);
    EXPECT_EQ(hook.free_ptr, moved);
    expect_context();
    void* zeroed = calloc_in(domain, 2, 5);
    EXPECT_EQ(hook.calloc_nelem, 2u);
    EXPECT_EQ(hook.calloc_elsize, 5u);
    expect_context();
    free_in(domain, zeroed);
    EXPECT_EQ(hook.free_ptr, zeroed);

    PyMem_SetAllocator(domain, &hook.below);
    PyMemAllocatorEx now;
    PyMem_GetAllocator(domain, &now);
    EXPECT_EQ(now.ctx, hook.below.ctx);
    EXPECT_EQ(now.malloc, hook.below.malloc);
    hook.ctx_seen = nullptr;
    free_in(domain, malloc_in(domain, 1));
    EXPECT_EQ(hook.ctx_seen, nullptr) << "the old record is back";
  }
}

TEST_P(Domains, ANumberThatIsNoDomainGetsNullsAndSetsNothing) {
  for (const int number : {-1, 3, 4, 256, 257}) {
    const auto domain = static_cast<PyMemAllocatorDomain>(number);
    ForwardingHook hook;
    PyMemAllocatorEx record = hook.record();
    PyMem_SetAllocator(domain, &record);
    PyMem_GetAllocator(domain, &record);
    EXPECT_EQ(record.ctx, nullptr);
    EXPECT_EQ(record.malloc, nullptr);
    EXPECT_EQ(record.calloc, nullptr);
    EXPECT_EQ(record.realloc, nullptr);
    EXPECT_EQ(record.free, nullptr);
    EXPECT_EQ(PyMemLab_GetAlignment(domain), 0u);
    for (const auto real : kDomains) free_in(real, malloc_in(real, 1));
    EXPECT_EQ(hook.ctx_seen, nullptr);
  }
}

TEST_P(Domains, DebugHooksTwiceInARowAreAsGoodAsOnce) {
  PyMem_SetupDebugHooks();
  PyMemAllocatorEx once[3], twice[3];
  for (const auto domain : kDomains) PyMem_GetAllocator(domain, &once[domain]);
  PyMem_SetupDebugHooks();
  for (const auto domain : kDomains) {
    PyMem_GetAllocator(domain, &twice[domain]);
    EXPECT_EQ(std::memcmp(&once[domain], &twice[domain], sizeof(PyMemAllocatorEx)), 0);
  }
  exercise(8, 500, {kDomains.begin(), kDomains.end()});
}

struct Pair {
  long first, second;
};

TEST_P(Domains, TypedMacrosCountElements) {
  Pair* pairs = PyMem_New(Pair, 3);
  pairs[2] = {1, 2};
  PyMem_Resize(pairs, Pair, 1000);
  ASSERT_NE(pairs, nullptr);
  EXPECT_EQ(pairs[2].second, 2);
  pairs[999] = {3, 4};
  PyMem_Del(pairs);

  char* bytes = static_cast<char*>(PyMem_MALLOC(5));
  bytes = static_cast<char*>(PyMem_REALLOC(bytes, 10));
  PyMem_FREE(bytes);
  Pair* old = PyMem_NEW(Pair, 4);
  PyMem_RESIZE(old, Pair, 5);
  PyMem_DEL(old);
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
}

TEST_P(Domains, TypedMacrosRefuseWhatCannotBeCounted) {
  EXPECT_EQ(PyMem_New(Pair, PY_SSIZE_T_MAX / sizeof(Pair) + 1), nullptr);
  EXPECT_EQ(PyMem_New(Pair, SIZE_MAX / sizeof(Pair) + 2), nullptr) << "would wrap to 16 bytes";
  EXPECT_EQ(PyMem_New(Pair, -1), nullptr);
  Pair* pairs = PyMem_New(Pair, 1);
  Pair* kept = pairs;
  PyMem_Resize(pairs, Pair, SIZE_MAX / sizeof(Pair) + 2);
  EXPECT_EQ(pairs, nullptr) << "the macro assigns the failure";
  PyMem_Del(kept);
}

struct Point {
  PyObject_HEAD
  double x, y;
};
struct Tuple {
  PyObject_VAR_HEAD
  short items[1];
};
PyTypeObject point_type = {{PyObject_HEAD_INIT(nullptr) 0}, "point", sizeof(Point), 0};
PyTypeObject tuple_type = {{PyObject_HEAD_INIT(nullptr) 0}, "tuple", offsetof(Tuple, items), 2};

// What was asked of obj last.
struct SizeWatch : ForwardingHook {
  SizeWatch() {
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &below);
    PyMemAllocatorEx watching = record();
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &watching);
  }
  ~SizeWatch() { PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &below); }
};

TEST_P(Domains, ObjectsAreMadeWithAndWithoutHooks) {
  const SizeWatch hook;
  Point* point = PyObject_New(Point, &point_type);
  ASSERT_NE(point, nullptr);
  EXPECT_EQ(hook.malloc_size, sizeof(Point));
  point->x = point->y = 1;
  EXPECT_EQ(Py_REFCNT(point), 1);
  EXPECT_EQ(Py_TYPE(point), &point_type);
  PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, const_cast<PyMemAllocatorEx*>(&hook.below));
  Point* second = PyObject_New(Point, &point_type);
  ASSERT_NE(second, nullptr);
  PyObject_Del(point);
  PyObject_Del(second);
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
}

TEST_P(Domains, AHeaderIsOnlyFilledInWhereThereIsMemory) {
  EXPECT_EQ(PyObject_Init(nullptr, &point_type), nullptr);
  EXPECT_EQ(PyObject_InitVar(nullptr, &tuple_type, 3), nullptr);
}

TEST_P(Domains, ObjectsWithItemsAreRoundedUpToPointers) {
  const SizeWatch watch;
  for (const auto& [items, bytes] : {std::pair(0, 24), {1, 32}, {4, 32}, {5, 40}, {300, 624}}) {
    Tuple* tuple = PyObject_NewVar(Tuple, &tuple_type, items);
    ASSERT_NE(tuple, nullptr);
    EXPECT_EQ(watch.malloc_size, static_cast<std::size_t>(bytes));
    EXPECT_EQ(Py_SIZE(tuple), items);
    EXPECT_EQ(Py_TYPE(tuple), &tuple_type);
    PyObject_Del(tuple);
  }
}

TEST_P(Domains, ObjectsWithMoreItemsThanCanBeCountedAreRefused) {
  EXPECT_EQ(PyObject_NewVar(Tuple, &tuple_type, -1), nullptr);
  EXPECT_EQ(PyObject_NewVar(Tuple, &point_type, -1), nullptr) << "also of no bytes each";
  EXPECT_EQ(PyObject_NewVar(Tuple, &tuple_type, PY_SSIZE_T_MAX / 2), nullptr);
  EXPECT_EQ(PyObject_NewVar(Tuple, &tuple_type, PY_SSIZE_T_MAX), nullptr);
}

}  // namespace
}  // namespace pymemlab::testing_capi
