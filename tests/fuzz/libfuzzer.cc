// One of libFuzzer's programs; PYMEMLAB_FUZZ_FORMAT says for which format.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/fuzz_one.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pymemlab::testing::fuzz_one(PYMEMLAB_FUZZ_FORMAT, {data, size});
  return 0;
}
