// What blocks cost, how many there are, and the statistics text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/pymem/memory.h"
#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

TEST(BlockCost, NamesEveryLayer) {
  struct Case {
    std::string_view configuration;
    Domain domain;
    std::size_t request;
    bool in_pool;
    std::size_t layers;
    std::size_t usable;  // 0: malloc_usable_size
  };
  const std::vector<Case> cases = {
      {"pymalloc", Domain::obj, 17, true, 0, 32},
      {"pymalloc", Domain::mem, 512, true, 0, 512},
      {"pymalloc", Domain::mem, 0, false, 0, 0},
      {"pymalloc", Domain::obj, 513, false, 0, 0},
      {"pymalloc", Domain::raw, 17, false, 0, 0},
      {"pymalloc_debug", Domain::obj, 17, true, 1, 48},
      {"pymalloc_debug", Domain::mem, 0, true, 1, 32},
      {"pymalloc_debug", Domain::mem, 488, true, 1, 512},
      {"pymalloc_debug", Domain::mem, 489, false, 2, 0},
      {"pymalloc_debug", Domain::obj, 600, false, 2, 0},
      {"pymalloc_debug", Domain::raw, 600, false, 1, 0},
      {"malloc", Domain::obj, 17, false, 0, 0},
      {"malloc_debug", Domain::obj, 17, false, 1, 0},
      {"malloc_debug", Domain::mem, 600, false, 1, 0},
      {"malloc_debug", Domain::raw, 600, false, 1, 0},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(fmt::format("{} {} {}", c.configuration, name(c.domain), c.request));
    Memory memory(options_for(profile_named("3.11"), c.configuration));
    void* block = memory.malloc(c.domain, c.request);
    const BlockCost cost = memory.cost(c.domain, block);
    EXPECT_EQ(cost.in_pool, c.in_pool);
    EXPECT_EQ(cost.hook_bytes, c.layers * 24);
    EXPECT_EQ(cost.base, bytes_of(block) - 16 * c.layers);
    EXPECT_EQ(cost.usable_bytes, c.usable != 0 ? c.usable : libc_usable_bytes(cost.base));
    EXPECT_GE(cost.usable_bytes, c.request + cost.hook_bytes);
    memory.free(c.domain, block);
  }
}

TEST(BlockCost, HooksWithSerialNumbersCost32Bytes) {
  Memory memory(options_for(profile_named("3.7"), "pymalloc_debug"));
  void* block = memory.malloc(Domain::obj, 600);
  EXPECT_EQ(memory.cost(Domain::obj, block).hook_bytes, 64u);
  memory.free(Domain::obj, block);
}

TEST(BlockCost, SeesHooksThatAreSetUpLaterAndThroughForwardingRecords) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc"));
  memory.setup_debug_hooks();
  Forwarder on_mem(memory.get_allocator(Domain::mem));
  memory.set_allocator(Domain::mem, on_mem.record());
  void* block = memory.malloc(Domain::mem, 17);
  EXPECT_TRUE(memory.cost(Domain::mem, block).in_pool);
  EXPECT_EQ(memory.cost(Domain::mem, block).hook_bytes, 24u);
  memory.free(Domain::mem, block);
}

TEST(BlockCost, IsThatOfLibcOnceADomainIsGivenToLibc) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc_debug"));
  memory.set_allocator(Domain::mem, libc_raw_allocator());
  void* block = memory.malloc(Domain::mem, 17);
  const BlockCost cost = memory.cost(Domain::mem, block);
  EXPECT_FALSE(cost.in_pool);
  EXPECT_EQ(cost.base, block);
  EXPECT_EQ(cost.hook_bytes, 0u);
  memory.free(Domain::mem, block);
}

TEST(AllocatedBlocks, CountsMemAndObjButNotRaw) {
  Memory memory(options_for(profile_named("3.11"), "pymalloc"));
  void* raw = memory.malloc(Domain::raw, 10);
  void* small = memory.malloc(Domain::mem, 10);
  void* large = memory.malloc(Domain::obj, 1000);
  EXPECT_EQ(memory.allocated_blocks(), 2);
  memory.free(Domain::mem, small);
  memory.free(Domain::obj, large);
  memory.free(Domain::raw, raw);
  EXPECT_EQ(memory.allocated_blocks(), 0);
  Memory without(options_for(profile_named("3.11"), "malloc"));
  void* block = without.malloc(Domain::mem, 10);
  EXPECT_EQ(without.allocated_blocks(), 0);
  without.free(Domain::mem, block);
}

TEST(Statistics, AreTheHeapsText) {
  for (const auto* configuration : {"pymalloc", "pymalloc_debug"}) {
    Memory memory(options_for(profile_named("3.11"), configuration));
    EXPECT_EQ(memory.statistics_text(), statistics_text(memory.heap()->statistics(), kGeometry311));
    EXPECT_THAT(memory.statistics_text(), testing::StartsWith("Small block threshold = 512"));
  }
}

TEST(Statistics, AreEmptyWithoutPymalloc) {
  for (const auto* configuration : {"malloc", "malloc_debug"}) {
    EXPECT_EQ(Memory(options_for(profile_named("3.11"), configuration)).statistics_text(), "");
  }
}

TEST(Statistics, SayHowOftenObjectMallocWasCalledUpTo37UnderHooks) {
  for (const Profile& profile : profiles()) {
    for (const auto* configuration : {"pymalloc", "pymalloc_debug"}) {
      Memory memory(options_for(profile, configuration));
      void* block = memory.malloc(Domain::obj, 1);
      const bool says = memory.statistics_text().find("# times object malloc called       =") !=
                        std::string::npos;
      EXPECT_EQ(says, profile.serial != Serial::none && memory.current_configuration()->debug)
          << profile.name << " " << configuration;
      memory.free(Domain::obj, block);
    }
  }
}

TEST(Statistics, AForeignRecordOnObjHidesPymallocExceptUnderTheHooksOf313) {
  for (const auto& [profile, configuration, shown] : {std::tuple("3.12", "pymalloc", false),
                                                      {"3.12", "pymalloc_debug", false},
                                                      {"3.13", "pymalloc", false},
                                                      {"3.13", "pymalloc_debug", true}}) {
    Memory memory(options_for(profile_named(profile), configuration));
    Forwarder hook(memory.get_allocator(Domain::obj));
    memory.set_allocator(Domain::obj, hook.record());
    EXPECT_EQ(!memory.statistics_text().empty(), shown) << profile << " " << configuration;
  }
}

struct Reports {
  TextSink sink() {
    return {
        .write = [](void* to,
                    std::string_view text) { static_cast<Reports*>(to)->all.emplace_back(text); },
        .context = this};
  }
  std::vector<std::string> all;
};

MemoryOptions reporting(Reports& reports, std::string_view profile,
                        std::string_view configuration) {
  MemoryOptions options = options_for(profile_named(profile), configuration);
  options.malloc_stats = true;
  options.statistics_sink = reports.sink();
  return options;
}

TEST(MallocStats, ReportBeforeEachNewArena) {
  for (const auto& [on, wanted] : {std::pair(true, 3u), {false, 0u}}) {
    Reports reports;
    MemoryOptions options = reporting(reports, "3.9", "pymalloc");
    options.malloc_stats = on;
    Memory memory(options);
    std::vector<void*> blocks;
    for (int i = 0; i < 3 * 448; ++i) blocks.push_back(memory.malloc(Domain::obj, 512));
    EXPECT_EQ(reports.all.size(), wanted);
    for (std::size_t i = 0; i < reports.all.size(); ++i) {
      EXPECT_THAT(reports.all[i], testing::HasSubstr(fmt::format(
                                      "# arenas allocated total           = {:20}\n", i)));
    }
    for (void* block : blocks) memory.free(Domain::obj, block);
    memory.report_at_exit();
    EXPECT_EQ(reports.all.size(), on ? wanted + 1 : 0);
  }
}

TEST(MallocStats, ReportAtExitWhatStandsThen) {
  Reports reports;
  Memory memory(reporting(reports, "3.11", "pymalloc_debug"));
  void* block = memory.malloc(Domain::obj, 100);
  memory.report_at_exit();
  ASSERT_EQ(reports.all.size(), 2u);
  EXPECT_EQ(reports.all.back(), memory.statistics_text());
  memory.free(Domain::obj, block);
}

TEST(MallocStats, ReportNothingWithoutPymallocOrWhereARecordHidesIt) {
  Reports reports;
  for (const auto* configuration : {"malloc", "malloc_debug"}) {
    Memory memory(reporting(reports, "3.11", configuration));
    memory.free(Domain::obj, memory.malloc(Domain::obj, 100));
    memory.report_at_exit();
  }
  Memory hidden(reporting(reports, "3.11", "pymalloc"));
  Forwarder hook(hidden.get_allocator(Domain::obj));
  hidden.set_allocator(Domain::obj, hook.record());
  hidden.free(Domain::obj, hidden.malloc(Domain::obj, 100));
  hidden.report_at_exit();
  EXPECT_THAT(reports.all, testing::IsEmpty());
}

}  // namespace
}  // namespace pymemlab
