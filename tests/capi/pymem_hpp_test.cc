// The C++ side: blocks that live as long as an object, and the standard containers over a domain.
#include <gmock/gmock.h>

#include <numeric>
#include <pymemlab/pymem.hpp>
#include <string>

#include "tests/capi/interpreter_fixture.h"

namespace pymemlab::testing_capi {
namespace {

using pymem::Buffer;
using pymem::DomainResource;

static_assert(!std::is_copy_constructible_v<Buffer<int>>);
static_assert(std::is_nothrow_move_constructible_v<Buffer<int>>);
static_assert(!std::is_convertible_v<Buffer<int, PYMEM_DOMAIN_RAW>, Buffer<int, PYMEM_DOMAIN_OBJ>>);

// Counts what a domain's functions are asked for, until it goes.
class Meter {
 public:
  explicit Meter(PyMemAllocatorDomain domain) : domain_(domain) {
    PyMem_GetAllocator(domain, &below_);
    PyMemAllocatorEx record = {
        .ctx = this,
        .malloc =
            [](void* ctx, std::size_t size) {
              return of(ctx).asked(size, of(ctx).below_.malloc(of(ctx).below_.ctx, size));
            },
        .calloc =
            [](void* ctx, std::size_t nelem, std::size_t elsize) {
              return of(ctx).asked(nelem * elsize,
                                   of(ctx).below_.calloc(of(ctx).below_.ctx, nelem, elsize));
            },
        .realloc =
            [](void* ctx, void* ptr, std::size_t size) {
              if (ptr != nullptr) --of(ctx).live;
              return of(ctx).asked(size, of(ctx).below_.realloc(of(ctx).below_.ctx, ptr, size));
            },
        .free =
            [](void* ctx, void* ptr) {
              if (ptr != nullptr) --of(ctx).live;
              of(ctx).below_.free(of(ctx).below_.ctx, ptr);
            }};
    PyMem_SetAllocator(domain, &record);
  }
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;
  ~Meter() { PyMem_SetAllocator(domain_, &below_); }

  int live = 0;
  std::size_t last_bytes = 0;

 private:
  static Meter& of(void* ctx) { return *static_cast<Meter*>(ctx); }
  void* asked(std::size_t bytes, void* block) {
    ++live;
    last_bytes = bytes;
    return block;
  }
  PyMemAllocatorDomain domain_;
  PyMemAllocatorEx below_{};
};

class Hpp : public InEveryWorld {};
IN_EVERY_WORLD(Hpp);

TEST_P(Hpp, ABufferFreesItsBlockInItsDomain) {
  const Meter raw(PYMEM_DOMAIN_RAW), mem(PYMEM_DOMAIN_MEM), obj(PYMEM_DOMAIN_OBJ);
  {
    Buffer<int, PYMEM_DOMAIN_RAW> in_raw(10);
    Buffer<int> in_mem(10);
    Buffer<int, PYMEM_DOMAIN_OBJ> in_obj(10);
    EXPECT_GE(raw.live, 1);
    EXPECT_EQ(mem.live, 1);
    EXPECT_EQ(obj.live, 1);
    EXPECT_EQ(mem.last_bytes, 10 * sizeof(int));
  }
  EXPECT_EQ(mem.live, 0);
  EXPECT_EQ(obj.live, 0);
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
}

TEST_P(Hpp, ABufferMovesAndKeepsItsElements) {
  const Meter mem(PYMEM_DOMAIN_MEM);
  Buffer<int> numbers(100);
  std::iota(numbers.begin(), numbers.end(), 0);
  numbers.resize(1000);
  EXPECT_EQ(numbers.size(), 1000u);
  numbers.resize(50);
  EXPECT_EQ(std::accumulate(numbers.begin(), numbers.end(), 0), 49 * 50 / 2);

  Buffer<int> moved(std::move(numbers));
  EXPECT_TRUE(numbers.empty());  // NOLINT(bugprone-use-after-move): empty is what it promises
  EXPECT_EQ(moved.span().back(), 49);
  Buffer<int> target(3);
  target = std::move(moved);
  EXPECT_EQ(target[7], 7);
  EXPECT_EQ(mem.live, 1);
  auto& same = target;
  target = std::move(same);
  EXPECT_EQ(target.size(), 50u) << "a move to itself changes nothing";
}

TEST_P(Hpp, ABufferCanBeZeroedTakenOverAndGivenAway) {
  auto zeroed = Buffer<double, PYMEM_DOMAIN_OBJ>::zeroed(500);
  EXPECT_THAT(zeroed.span(), testing::Each(0.0));
  double* block = zeroed.release();
  EXPECT_EQ(zeroed.data(), nullptr);
  block[0] = 5;
  const auto owner = Buffer<double, PYMEM_DOMAIN_OBJ>::owning(block, 500);
  EXPECT_EQ(owner[0], 5);
}

TEST_P(Hpp, ABufferWithoutMemoryThrowsAndStaysAsItWas) {
  constexpr std::size_t kTooMany = SIZE_MAX / sizeof(long) + 2;  // wraps to one element
  EXPECT_THROW(Buffer<long>{kTooMany}, std::bad_alloc);
  EXPECT_THROW(static_cast<void>(Buffer<long>::zeroed(kTooMany)), std::bad_alloc);
  Buffer<long> numbers(2);
  numbers[1] = 6;
  EXPECT_THROW(numbers.resize(kTooMany), std::bad_alloc);
  {
    const NoMemory exhausted;
    EXPECT_THROW(Buffer<long>{1}, std::bad_alloc);
    EXPECT_FALSE(numbers.try_resize(3));
  }
  EXPECT_EQ(numbers.size(), 2u);
  EXPECT_EQ(numbers[1], 6);
}

TEST_P(Hpp, ContainersLiveInADomain) {
  for (const auto domain : kDomains) {
    const Meter meter(domain);
    {
      DomainResource resource(domain);
      std::pmr::vector<std::pmr::string> names(&resource);
      for (int i = 0; i < 100; ++i) names.emplace_back("a name too long to be kept in the string");
      EXPECT_GE(meter.live, 101);
      EXPECT_EQ(names[99].get_allocator().resource(), &resource);
    }
    if (domain != PYMEM_DOMAIN_RAW) {  // where pymalloc keeps its tables
      EXPECT_EQ(meter.live, 0);
    }
  }
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
}

TEST_P(Hpp, AResourceAlignsAsMuchAsItIsAsked) {
  for (const auto domain : kDomains) {
    const Meter meter(domain);
    DomainResource resource(domain);
    for (std::size_t alignment = 1; alignment <= 65536; alignment *= 2) {
      std::vector<std::pair<void*, std::size_t>> blocks;
      for (const std::size_t bytes : {0u, 1u, 15u, 16u, 33u, 500u, 513u, 4000u}) {
        void* block = resource.allocate(bytes, alignment);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0u);
        std::memset(block, 0x5A, bytes);
        blocks.emplace_back(block, bytes);
      }
      for (const auto& [block, bytes] : blocks) resource.deallocate(block, bytes, alignment);
    }
  }
  EXPECT_EQ(PyMemLab_GetAllocatedBlocks(), 0);
}

TEST_P(Hpp, AResourceAddsNothingWhereTheDomainAlignsEnough) {
  const Meter meter(PYMEM_DOMAIN_OBJ);
  DomainResource resource(PYMEM_DOMAIN_OBJ);
  const std::size_t own = PyMemLab_GetAlignment(PYMEM_DOMAIN_OBJ);
  void* block = resource.allocate(48, own);
  EXPECT_EQ(meter.last_bytes, 48u);
  resource.deallocate(block, 48, own);
  block = resource.allocate(48, 64);
  EXPECT_EQ(meter.last_bytes, 48u + 64u);
  resource.deallocate(block, 48, 64);
}

TEST_P(Hpp, AResourceWithoutMemoryThrows) {
  DomainResource resource(PYMEM_DOMAIN_MEM);
  {
    const NoMemory exhausted;
    EXPECT_THROW(static_cast<void>(resource.allocate(1, 8)), std::bad_alloc);
    EXPECT_THROW(static_cast<void>(resource.allocate(1, 64)), std::bad_alloc);
  }
  for (const volatile std::size_t& bytes : {std::size_t{PY_SSIZE_T_MAX}, SIZE_MAX}) {
    EXPECT_THROW(static_cast<void>(resource.allocate(bytes, 64)), std::bad_alloc);
  }
}

TEST_P(Hpp, ResourcesAreEqualIfTheirDomainsAre) {
  const DomainResource one(PYMEM_DOMAIN_MEM), same(PYMEM_DOMAIN_MEM), other(PYMEM_DOMAIN_OBJ);
  EXPECT_TRUE(one == same);
  EXPECT_FALSE(one == other);
  EXPECT_FALSE(one == *std::pmr::new_delete_resource());
}

}  // namespace
}  // namespace pymemlab::testing_capi
