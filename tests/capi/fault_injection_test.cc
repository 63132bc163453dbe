// Hooks over all three domains that start failing after so many requests, as CPython's tests do.
#include "tests/capi/interpreter_fixture.h"

namespace pymemlab::testing_capi {
namespace {

// Fails the requests [first, last), counted over all domains and malloc, calloc and realloc.
class FaultInjector {
 public:
  FaultInjector(int first, int last) : first_(first), last_(last) {
    for (const auto domain : kDomains) {
      hooks_[domain].injector = this;
      PyMem_GetAllocator(domain, &hooks_[domain].below);
      PyMemAllocatorEx record = failing(hooks_[domain]);
      PyMem_SetAllocator(domain, &record);
    }
  }
  FaultInjector(const FaultInjector&) = delete;
  FaultInjector& operator=(const FaultInjector&) = delete;
  ~FaultInjector() { remove(); }

  void remove() {
    for (const auto domain : kDomains) PyMem_SetAllocator(domain, &hooks_[domain].below);
  }
  [[nodiscard]] int failed() const { return failed_; }

 private:
  struct Hook {
    FaultInjector* injector = nullptr;
    PyMemAllocatorEx below{};
  };
  static PyMemAllocatorEx failing(Hook& hook) {
    return {.ctx = &hook,
            .malloc = [](void* ctx, std::size_t size) -> void* {
              const auto& [injector, below] = *static_cast<Hook*>(ctx);
              return injector->fails() ? nullptr : below.malloc(below.ctx, size);
            },
            .calloc = [](void* ctx, std::size_t nelem, std::size_t elsize) -> void* {
              const auto& [injector, below] = *static_cast<Hook*>(ctx);
              return injector->fails() ? nullptr : below.calloc(below.ctx, nelem, elsize);
            },
            .realloc = [](void* ctx, void* ptr, std::size_t size) -> void* {
              const auto& [injector, below] = *static_cast<Hook*>(ctx);
              return injector->fails() ? nullptr : below.realloc(below.ctx, ptr, size);
            },
            .free =
                [](void* ctx, void* ptr) {
                  const PyMemAllocatorEx& below = static_cast<Hook*>(ctx)->below;
                  below.free(below.ctx, ptr);
                }};
  }
  bool fails() {
    const int request = requests_++;
    const bool now = request >= first_ && request < last_;
    failed_ += now ? 1 : 0;
    return now;
  }

  std::array<Hook, 3> hooks_;
  int first_, last_;
  int requests_ = 0;
  int failed_ = 0;
};

class FaultInjection : public InEveryWorld {};
IN_EVERY_WORLD(FaultInjection);

PyTypeObject object_type = {{PyObject_HEAD_INIT(nullptr) 0}, "object", sizeof(PyObject), 0};

// Objects made one after another until one cannot be, at most 100.
std::vector<PyObject*> objects_until_exhausted() {
  std::vector<PyObject*> objects;
  while (objects.size() < 100) {
    auto* object = PyObject_New(PyObject, &object_type);
    if (object == nullptr) break;
    objects.push_back(object);
  }
  return objects;
}

TEST_P(FaultInjection, SurfacesWithinTheNumberOfObjectsExpected) {
  for (const auto& [first, last] : {std::pair(10, 1 << 30), {20, 1 << 30}, {30, 31}}) {
    FaultInjector faults(first, last);
    const std::vector<PyObject*> objects = objects_until_exhausted();
    EXPECT_LE(objects.size(), static_cast<std::size_t>(first));
    EXPECT_GE(objects.size(), 5u);
    EXPECT_GE(faults.failed(), 1);
    faults.remove();
    faults.remove();
    for (PyObject* object : objects) PyObject_Free(object);
    PyObject* after = PyObject_New(PyObject, &object_type);
    ASSERT_NE(after, nullptr);
    PyObject_Free(after);
  }
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
}

TEST_P(FaultInjection, IsSurvivedAtEverySingleRequest) {
  for (int request = 0; request < 40; ++request) {
    std::vector<std::pair<PyMemAllocatorDomain, void*>> live;
    {
      const FaultInjector faults(request, request + 1);
      for (const auto domain : kDomains) {
        for (const std::size_t size : {0u, 40u, 512u, 513u, 5000u}) {
          void* block = malloc_in(domain, size);
          void* moved = realloc_in(domain, block, size + 100);
          live.emplace_back(domain, moved != nullptr ? moved : block);
          live.emplace_back(domain, calloc_in(domain, 3, size));
        }
      }
    }
    for (const auto& [domain, block] : live) free_in(domain, block);
    EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0) << request;
  }
}

}  // namespace
}  // namespace pymemlab::testing_capi
