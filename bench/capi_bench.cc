// What one request costs through the C API's public functions, library boundary included.
//
// As in pymem_bench, one other block is live in every class used, so that pools stay.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdlib>
#include <memory_resource>
#include <pymemlab/pymem.hpp>
#include <string>
#include <vector>

namespace {

constexpr const char* kProfile = "3.11";
constexpr PyMemAllocatorDomain kDomains[] = {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};
constexpr const char* kDomainNames[] = {"raw", "mem", "obj"};

// An interpreter with one block of the size live in the domain.
class Warm {
 public:
  Warm(const char* configuration, PyMemAllocatorDomain domain, std::size_t size) : domain_(domain) {
    if (PyMemLab_Initialize(kProfile, configuration) != 0) std::abort();
    other_ = pymemlab::pymem::domain_malloc(domain, size);
  }
  ~Warm() {
    pymemlab::pymem::domain_free(domain_, other_);
    PyMemLab_Finalize();
  }
  Warm(const Warm&) = delete;
  Warm& operator=(const Warm&) = delete;

 private:
  PyMemAllocatorDomain domain_;
  void* other_;
};

void malloc_free(benchmark::State& state, const char* configuration, PyMemAllocatorDomain domain,
                 std::size_t size) {
  const Warm warm(configuration, domain, size);
  for (auto _ : state) {
    void* const block = pymemlab::pymem::domain_malloc(domain, size);
    benchmark::DoNotOptimize(block);
    pymemlab::pymem::domain_free(domain, block);
  }
}

void buffer_of_doubles(benchmark::State& state) {
  const Warm warm("pymalloc", PYMEM_DOMAIN_MEM, 32 * sizeof(double));
  for (auto _ : state) {
    pymemlab::pymem::Buffer<double> buffer(32);
    benchmark::DoNotOptimize(buffer.data());
  }
}

void vector_in_obj(benchmark::State& state) {
  const Warm warm("pymalloc", PYMEM_DOMAIN_OBJ, 32 * sizeof(double));
  pymemlab::pymem::DomainResource obj(PYMEM_DOMAIN_OBJ);
  for (auto _ : state) {
    std::pmr::vector<double> numbers(&obj);
    numbers.reserve(32);
    benchmark::DoNotOptimize(numbers.data());
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (const char* configuration : {"pymalloc", "pymalloc_debug", "malloc"}) {
    for (const auto domain : kDomains) {
      for (const std::size_t size : {std::size_t{32}, std::size_t{600}}) {
        const std::string name = std::string("malloc_free/")
                                     .append(configuration)
                                     .append("/")
                                     .append(kDomainNames[domain])
                                     .append("/")
                                     .append(std::to_string(size));
        benchmark::RegisterBenchmark(name.c_str(), malloc_free, configuration, domain, size);
      }
    }
  }
  benchmark::RegisterBenchmark("buffer_of_doubles", buffer_of_doubles);
  benchmark::RegisterBenchmark("vector_in_obj", vector_in_obj);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
