// The README's embedding example: a simulated CPython 3.11 whose memory this program looks at.
#include <cstdio>

#include "core/pymem/memory.h"

int main() {
  using namespace pymemlab;
  const Profile& profile = profile_named("3.11");
  Memory memory({.profile = &profile, .configuration = &configuration_for("pymalloc", profile)});
  void* block = memory.malloc(Domain::obj, 48);
  const BlockCost cost = memory.cost(Domain::obj, block);
  std::printf("in a pool: %s, usable: %zu bytes\n", cost.in_pool ? "yes" : "no", cost.usable_bytes);
  memory.free(Domain::obj, block);
  std::fputs(memory.statistics_text().c_str(), stdout);
}
