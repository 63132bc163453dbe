// Allocators and arenas of a program's own, under every profile and configuration.
#include <sys/mman.h>

#include <cstdlib>
#include <map>

#include "tests/capi/interpreter_fixture.h"

namespace pymemlab::testing_capi {
namespace {

// A domain's allocator that knows its own blocks: each carries a mark in front, and coming back
// without it, or through another domain, is a failure.
class MarkedHeap {
 public:
  explicit MarkedHeap(PyMemAllocatorDomain domain) : mark_{0x5AFE0000u + domain, 0} {}

  PyMemAllocatorEx record() {
    return {.ctx = this,
            .malloc = [](void* ctx,
                         std::size_t size) { return of(ctx).mark(std::malloc(size + kHead)); },
            .calloc =
                [](void* ctx, std::size_t nelem, std::size_t elsize) {
                  return of(ctx).mark(std::calloc(1, nelem * elsize + kHead));
                },
            .realloc =
                [](void* ctx, void* ptr, std::size_t size) {
                  return of(ctx).mark(std::realloc(of(ctx).unmark(ptr), size + kHead));
                },
            .free = [](void* ctx, void* ptr) { std::free(of(ctx).unmark(ptr)); }};
  }
  void install(PyMemAllocatorDomain domain) {
    PyMemAllocatorEx mine = record();
    PyMem_SetAllocator(domain, &mine);
  }
  [[nodiscard]] int live() const { return live_; }
  [[nodiscard]] int served() const { return served_; }

 private:
  using Mark = std::array<std::uint64_t, 2>;
  static constexpr std::size_t kHead = sizeof(Mark);  // keeps malloc's alignment

  static MarkedHeap& of(void* ctx) { return *static_cast<MarkedHeap*>(ctx); }
  void* mark(void* base) {
    ++live_, ++served_;
    std::memcpy(base, &mark_, kHead);
    return static_cast<char*>(base) + kHead;
  }
  void* unmark(void* block) {
    if (block == nullptr) return nullptr;
    --live_;
    void* base = static_cast<char*>(block) - kHead;
    EXPECT_EQ(std::memcmp(base, &mark_, kHead), 0) << "not a block of this domain's";
    std::memset(base, 0, kHead);
    return base;
  }

  Mark mark_;
  int live_ = 0;
  int served_ = 0;
};

class OwnAllocators : public InEveryWorld {};
IN_EVERY_WORLD(OwnAllocators);

TEST_P(OwnAllocators, ServeAllThreeDomains) {
  std::array heaps = {MarkedHeap(PYMEM_DOMAIN_RAW), MarkedHeap(PYMEM_DOMAIN_MEM),
                      MarkedHeap(PYMEM_DOMAIN_OBJ)};
  for (const auto domain : kDomains) heaps[domain].install(domain);
  exercise(11, 3000, {kDomains.begin(), kDomains.end()});
  for (const auto domain : kDomains) {
    EXPECT_EQ(heaps[domain].live(), 0);
    EXPECT_GT(heaps[domain].served(), 300);
  }
}

TEST_P(OwnAllocators, ServeAllThreeDomainsBelowDebugHooks) {
  std::array heaps = {MarkedHeap(PYMEM_DOMAIN_RAW), MarkedHeap(PYMEM_DOMAIN_MEM),
                      MarkedHeap(PYMEM_DOMAIN_OBJ)};
  for (const auto domain : kDomains) heaps[domain].install(domain);
  PyMem_SetupDebugHooks();
  auto* block = static_cast<char*>(PyMem_Malloc(3));
  EXPECT_EQ(block[-8], 'm');
  PyMem_Free(block);
  exercise(12, 3000, {kDomains.begin(), kDomains.end()});
  for (const auto domain : kDomains) EXPECT_EQ(heaps[domain].live(), 0);
}

// What pymalloc does not serve itself, and its tables, come from the program's allocator then.
TEST_P(OwnAllocators, ServePymallocFromRaw) {
  MarkedHeap raw(PYMEM_DOMAIN_RAW);
  {
    const ScopedInterpreter fresh = again();
    raw.install(PYMEM_DOMAIN_RAW);
    exercise(13, 3000, {PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ});
    EXPECT_EQ(raw.served() > 0, has_pymalloc()) << "the libc configurations never ask raw";
  }
  EXPECT_EQ(raw.live(), 0) << "the tables too are given back";
}

// Arenas from one big mapping, given out upwards and never used again.
class BumpArenas {
 public:
  explicit BumpArenas(std::size_t offset = 0) : next_(offset) {
    mapping_ = static_cast<char*>(::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    EXPECT_NE(mapping_, MAP_FAILED);
  }
  BumpArenas(const BumpArenas&) = delete;
  BumpArenas& operator=(const BumpArenas&) = delete;
  ~BumpArenas() { ::munmap(mapping_, kBytes); }

  void install() {
    PyObjectArenaAllocator mine = {
        .ctx = this,
        .alloc = [](void* ctx,
                    std::size_t size) { return static_cast<BumpArenas*>(ctx)->give(size); },
        .free = [](void* ctx, void* ptr,
                   std::size_t size) { static_cast<BumpArenas*>(ctx)->take(ptr, size); }};
    PyObject_SetArenaAllocator(&mine);
    PyObjectArenaAllocator now;
    PyObject_GetArenaAllocator(&now);
    EXPECT_EQ(now.ctx, this);
    EXPECT_EQ(now.alloc, mine.alloc);
    EXPECT_EQ(now.free, mine.free);
  }
  [[nodiscard]] bool holds(const void* block) const {
    return block >= mapping_ && block < mapping_ + kBytes;
  }
  [[nodiscard]] std::size_t live() const { return live_.size(); }
  [[nodiscard]] int given() const { return given_; }
  int refuse = 0;  // so many requests from now on

 private:
  static constexpr std::size_t kBytes = std::size_t{256} << 20;

  void* give(std::size_t size) {
    if (refuse > 0 && refuse-- > 0) return nullptr;
    if (size > kBytes - next_) return nullptr;
    void* base = mapping_ + next_;
    next_ += size;
    live_[base] = size;
    ++given_;
    return base;
  }
  void take(void* base, std::size_t size) {
    EXPECT_TRUE(live_.contains(base) && live_[base] == size);
    live_.erase(base);
  }

  char* mapping_ = nullptr;
  std::size_t next_;
  std::map<void*, std::size_t> live_;
  int given_ = 0;
};

TEST_P(OwnAllocators, GiveArenasFromOneMapping) {
  for (const std::size_t offset : {0u, 4096u}) {
    BumpArenas arenas(offset);
    {
      const ScopedInterpreter fresh = again();
      arenas.install();
      void* small = PyObject_Malloc(64);
      void* large = PyObject_Malloc(5000);
      EXPECT_EQ(arenas.holds(small), has_pymalloc());
      EXPECT_FALSE(arenas.holds(large));
      std::vector<void*> many;
      for (int i = 0; i < 20000; ++i) many.push_back(PyMem_Malloc(100));
      EXPECT_EQ(arenas.live() > 1, has_pymalloc());
      for (void* block : many) PyMem_Free(block);
      exercise(14, 3000, {kDomains.begin(), kDomains.end()});
      PyObject_Free(small);
      PyObject_Free(large);
    }
    EXPECT_EQ(arenas.live(), 0u) << "the end of the interpreter releases what is left";
    EXPECT_EQ(arenas.given() > 0, has_pymalloc());
  }
}

TEST_P(OwnAllocators, ThatHaveNoArenaLeaveTheRequestToRaw) {
  BumpArenas arenas;
  {
    const ScopedInterpreter fresh = again();
    arenas.install();
    arenas.refuse = 1;
    void* from_raw = PyObject_Malloc(64);
    void* from_pool = PyObject_Malloc(64);
    ASSERT_NE(from_raw, nullptr);
    EXPECT_FALSE(arenas.holds(from_raw));
    EXPECT_EQ(arenas.holds(from_pool), has_pymalloc());
    PyObject_Free(from_raw);
    PyObject_Free(from_pool);
  }
}

TEST_P(OwnAllocators, ServeEverythingAtOnce) {
  BumpArenas arenas;
  std::array heaps = {MarkedHeap(PYMEM_DOMAIN_RAW), MarkedHeap(PYMEM_DOMAIN_MEM),
                      MarkedHeap(PYMEM_DOMAIN_OBJ)};
  {
    const ScopedInterpreter fresh = again();
    arenas.install();
    for (const auto domain : kDomains) heaps[domain].install(domain);
    exercise(15, 2000, {kDomains.begin(), kDomains.end()});
  }
  for (const auto domain : kDomains) EXPECT_EQ(heaps[domain].live(), 0);
  EXPECT_EQ(arenas.given(), 0) << "nobody uses pymalloc";
}

}  // namespace
}  // namespace pymemlab::testing_capi
