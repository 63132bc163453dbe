// A buffer and a container over domains.
#include <cstdio>
#include <pymemlab/pymem.hpp>
#include <vector>

int main() {
  {
    pymemlab::pymem::Buffer<double> samples(100);
    samples[99] = 1;
    pymemlab::pymem::DomainResource objects(PYMEM_DOMAIN_OBJ);
    std::pmr::vector<int> numbers(10, &objects);
    std::printf("allocated blocks: %td\n", PyMemLab_GetAllocatedBlocks());
  }
  std::printf("then: %td\n", PyMemLab_GetAllocatedBlocks());
  PyMemLab_Finalize();
}
