// Every target and every malloc that this machine has: what is measured is what was asked for, real
// CPythons do what the model does, and the bytes add up.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "core/base/input_error.h"
#include "core/base/random.h"
#include "core/measure/runner.h"
#include "core/measure/target.h"
#include "core/pymem/memory.h"
#include "core/replay/statistics_text.h"
#include "core/trace/trace_writer.h"
#include "tests/interpreters.h"

namespace pymemlab {
namespace {

// Small and large blocks in all domains: growth, churn, a drain.
std::string mixed_trace() {
  const std::string path = testing::TempDir() + "/targets.pmtrace";
  TraceWriter writer = TraceWriter::create(path, {.source = "test"});
  struct Block {
    Domain domain;
    Slot slot;
  };
  std::vector<Block> live;
  Random random(11);
  for (int i = 0; i < 60'000; ++i) {
    const auto domain = static_cast<Domain>(random.below(3));
    const std::uint64_t size = random.chance(1, 40) ? random.below(20'000) : random.below(600);
    const std::size_t k = live.empty() ? 0 : random.below(live.size());
    if (live.empty() || random.chance(i < 30'000 ? 4 : 2, 6)) {
      live.push_back({domain, writer.malloc(domain, size)});
    } else if (random.chance(1, 3)) {
      writer.realloc(live[k].domain, live[k].slot, size);
    } else {
      writer.free(live[k].domain, live[k].slot);
      live[k] = live.back();
      live.pop_back();
    }
  }
  writer.finish();
  return path;
}

RunOptions options() {
  RunOptions run;
  run.worker_program = std::getenv("PYMEMLAB");
  run.rounds = 1;
  run.samples = 100;
  return run;
}

Cell cell(const std::string& target, const char* configuration, const Profile& profile,
          const Geometry& geometry) {
  return {.target = target,
          .configuration = configuration,
          .profile = std::string(profile.name),
          .geometry = geometry,
          .residue = {.policy = ArenaResidue::Policy::random, .seed = 5}};
}

void expect_sums(const Footprint& footprint) {
  for (const FootprintSample& s : footprint.series) {
    ASSERT_EQ(s.residual_bytes, 0) << "event " << s.event;
    ASSERT_LE(std::abs(s.unexplained_bytes),
              16 * 1024 + static_cast<std::int64_t>(s.mapped_bytes / 100))
        << "event " << s.event << " of " << s.mapped_bytes << " mapped bytes";
  }
}

// The real one and the model, sample by sample, as far as what CPython itself does.
void expect_alike(const Footprint& real, const Footprint& model) {
  EXPECT_EQ(real.statistics_text, model.statistics_text);
  std::map<std::uint64_t, FootprintSample> modelled;
  for (const FootprintSample& sample : model.series) modelled[sample.event] = sample;
  std::size_t alike = 0;
  for (const FootprintSample& sample : real.series) {
    const auto same = modelled.find(sample.event);
    if (same == modelled.end()) continue;  // where libc's heap was largest, here or there
    ++alike;
    EXPECT_EQ(sample.arenas, same->second.arenas) << "event " << sample.event;
    EXPECT_EQ(sample.hook_bytes, same->second.hook_bytes);
    EXPECT_EQ(sample.free_block_bytes, same->second.free_block_bytes);
    EXPECT_EQ(sample.free_pool_bytes, same->second.free_pool_bytes);
    EXPECT_EQ(sample.structural_bytes, same->second.structural_bytes);
  }
  EXPECT_GE(alike, 99u);
}

class EveryPython : public testing::TestWithParam<Interpreter> {};

TEST_P(EveryPython, HasTheModelsArenasOneForOneInEveryConfiguration) {
  const MeasuredTrace trace = survey_trace(mixed_trace());
  const std::string library = GetParam().shared_library;
  std::vector<std::string> targets = {TargetName{TargetKind::python, GetParam().path}.text()};
  if (!library.empty()) targets.push_back(TargetName{TargetKind::libpython, library}.text());
  for (const std::string& target : targets) {
    SCOPED_TRACE(target);
    const Probe answer = probe(target, {}, "pymalloc", options());
    EXPECT_EQ(answer.target_version, GetParam().version);
    const Profile& profile = profile_of_version(answer.target_version);
    Geometry geometry = profile.geometry;
    geometry.alignment = answer.alignment;
    std::vector<Cell> cells;
    for (const Configuration& configuration : configurations()) {
      if (&target == &targets.front() && configuration.name != "pymalloc") continue;
      cells.push_back(cell(target, configuration.name.data(), profile, geometry));
      cells.push_back(cell("model", configuration.name.data(), profile, geometry));
    }
    const std::vector<Measurement> measured = run_cells({trace}, cells, options());
    for (std::size_t i = 0; i < measured.size(); i += 2) {
      SCOPED_TRACE(measured[i].cell.configuration);
      ASSERT_TRUE(measured[i].footprint) << measured[i].footprint_reason;
      EXPECT_TRUE(measured[i].void_reason.empty());
      EXPECT_EQ(measured[i].rounds.at(0).events, trace.plan.counts.issued);
      expect_sums(*measured[i].footprint);
      expect_alike(*measured[i].footprint, *measured[i + 1].footprint);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, EveryPython, testing::ValuesIn(interpreters()),
                         [](const auto& info) { return info.param.test_name(); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryPython);

TEST(SystemMallocs, ServeTheCellsThatNameThemAndAddUp) {
  const MeasuredTrace trace = survey_trace(mixed_trace());
  const Profile& profile = profile_named("3.11");
  for (const KnownMalloc& known : known_mallocs()) {
    if (!known.library) continue;
    SCOPED_TRACE(known.name);
    Cell asked = cell("model", "malloc", profile, profile.geometry);
    asked.system_malloc = system_malloc_called(std::string(known.name));
    const Measurement m = run_cells({trace}, {asked}, options()).at(0);
    ASSERT_TRUE(m.malloc && m.footprint);
    EXPECT_EQ(m.malloc->name, known.name);
    EXPECT_FALSE(m.malloc->version.empty());
    EXPECT_GE(m.footprint->scan.peak_mapped_bytes, m.footprint->scan.peak_live_bytes);
    for (const FootprintSample& s : m.footprint->series) ASSERT_EQ(s.residual_bytes, 0);
    const bool tells_all =
        known.name == "glibc" || known.name == "jemalloc" || known.name == "tcmalloc";
    if (tells_all) expect_sums(*m.footprint);
  }
}

TEST(SystemMallocs, TakeTheirSettings) {
  const MeasuredTrace trace = survey_trace(mixed_trace());
  const Profile& profile = profile_named("3.11");
  std::vector<Cell> cells(2, cell("model", "malloc", profile, profile.geometry));
  cells[1].system_malloc = system_malloc_called("glibc:top_pad=33554432");
  const std::vector<Measurement> measured = run_cells({trace}, cells, options());
  EXPECT_GT(measured[1].footprint->end.mapped_bytes,
            measured[0].footprint->end.mapped_bytes + (16u << 20));
}

TEST(SystemMallocs, AreRefusedInOneSentence) {
  const auto message = [](const char* text) -> std::string {
    try {
      static_cast<void>(system_malloc_called(text));
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(
      message("snmalloc"),
      "no system malloc is named \"snmalloc\": there are glibc, jemalloc, mimalloc, tcmalloc, "
      "scudo, and the path of any other");
  EXPECT_EQ(message("/no/such.so"), "system malloc /no/such.so: there is no such library");
  EXPECT_EQ(message("glibc:tcache_count"),
            "system malloc glibc: \"tcache_count\" is no setting: NAME=VALUE was wanted");
  EXPECT_EQ(message("glibc:tcache_cuont=0").substr(0, 45),
            "glibc has no malloc tunable \"tcache_cuont\": t");
}

TEST(SystemMallocs, ThatDoNotTakeTheProcessOverAreNotMeasured) {
  const Profile& profile = profile_named("3.11");
  Cell asked = cell("model", "malloc", profile, profile.geometry);
  asked.system_malloc = {.name = "/lib/x/libz.so", .library = "/no/such/libz.so"};
  EXPECT_THROW((void)run_cells({survey_trace(mixed_trace())}, {asked}, options()), InputError);
}

TEST(Targets, ThatCannotBeDrivenAreRefusedInOneSentence) {
  const auto message = [](const char* target) -> std::string {
    try {
      static_cast<void>(probe(target, {}, "pymalloc", options()));
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message("python:/bin/bash"),
            "python:/bin/bash: CPython /bin/bash: has no function Py_GetVersion");
  EXPECT_EQ(message("jython"),
            "no target is named \"jython\": there are model, libpython:PATH and python:PATH");
  EXPECT_NE(message("libpython:/no/such.so").find("cannot be loaded"), std::string::npos);
}

TEST(StatisticsText, IsReadBackAsItWasWritten) {
  for (const char* name : {"3.6", "3.9", "3.13"}) {
    const Profile& profile = profile_named(name);
    MemoryOptions memory_options;
    memory_options.profile = &profile;
    memory_options.configuration = &configuration_named("pymalloc");
    Memory memory(memory_options);
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < 30'000; ++i) blocks.push_back(memory.malloc(Domain::obj, i % 513));
    for (std::size_t i = 0; i < blocks.size(); i += 3) memory.free(Domain::obj, blocks[i]);
    const HeapStatistics written = memory.heap()->statistics();
    const HeapStatistics read = read_statistics(memory.statistics_text(), profile.geometry);
    EXPECT_EQ(read.total_bytes(), written.total_bytes());
    EXPECT_EQ(read.arenas_current, written.arenas_current);
    EXPECT_EQ(read.arenas_highwater, written.arenas_highwater);
    EXPECT_EQ(read.unused_pools, written.unused_pools);
    EXPECT_EQ(read.leaf_nodes, written.leaf_nodes);
    for (std::size_t c = 0; c < written.size_classes; ++c) {
      EXPECT_EQ(read.classes[c].live_blocks, written.classes[c].live_blocks) << "class " << c;
      EXPECT_EQ(read.classes[c].available_blocks, written.classes[c].available_blocks);
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (i % 3 != 0) memory.free(Domain::obj, blocks[i]);
    }
  }
  EXPECT_THROW((void)read_statistics("", profile_named("3.9").geometry), InputError);
}

}  // namespace
}  // namespace pymemlab
