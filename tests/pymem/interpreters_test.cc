// The model against every CPython on this machine: blocks, dumps and fatal errors, the PYTHONMALLOC
// table, reports, tracemalloc. interpreter_script.py does in them what is done here in the model.
#include "tests/interpreters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/input_error.h"
#include "core/pymem/freed.h"
#include "core/pymem/start_up.h"
#include "core/pymem/tracemalloc.h"
#include "tests/command.h"
#include "tests/masking.h"
#include "tests/pymem/memory_fixture.h"
#include "tests/pymem/misuses.h"

namespace pymemlab {
namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

class Interpreters : public testing::TestWithParam<Interpreter> {
 protected:
  const Interpreter& python = GetParam();
  const Profile& profile = profile_of_version(GetParam().version);

  // The interpreter with those options and words, in an environment that says nothing else of
  // memory.
  [[nodiscard]] CommandResult run(std::vector<std::string> words,
                                  const Environment& environment) const {
    words.insert(words.begin(), python.path);
    CommandOptions options;
    for (const auto* name : {"PYTHONMALLOC", "PYTHONMALLOCSTATS", "PYTHONDEVMODE",
                             "PYTHONTRACEMALLOC", "PYTHONHOME", "PYTHONPATH"}) {
      options.environment.emplace_back(name, kUnset);
    }
    options.environment.insert(options.environment.end(), environment.begin(), environment.end());
    return ::pymemlab::run(words, options);
  }
  [[nodiscard]] CommandResult script(const std::string& what, const std::string& allocator) const {
    return run({"-S", script_path(), what}, {{"PYTHONMALLOC", allocator}});
  }
  static std::string script_path() {
    return std::string(std::getenv("PYMEMLAB_SOURCE")) + "/tests/pymem/interpreter_script.py";
  }
};
INSTANTIATE_TEST_SUITE_P(OfThisMachine, Interpreters, testing::ValuesIn(interpreters()),
                         [](const auto& info) { return info.param.test_name(); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Interpreters);

// A block's bytes from `before` its start to the end of its guards; the block is freed.
std::string shown(Memory& memory, Domain domain, void* block, std::size_t before,
                  std::size_t size) {
  std::string text;
  for (const std::uint8_t* at = bytes_of(block) - before; at < bytes_of(block) + size + 8; ++at) {
    text += fmt::format("{:02x}", *at);
  }
  memory.free(domain, block);
  return text + "\n";
}

std::string model_bytes(Memory& memory) {
  std::string text;
  for (const Domain domain : {Domain::raw, Domain::mem, Domain::obj}) {
    for (const std::size_t size : {0u, 5u, 40u, 488u}) {
      text += shown(memory, domain, memory.malloc(domain, size), 16, size);
    }
    text += shown(memory, domain, memory.calloc(domain, 3, 4), 16, 12);
    for (const auto& [from, to] :
         {std::pair<std::size_t, std::size_t>{5, 9}, {9, 5}, {128, 130}, {300, 400}, {400, 300}}) {
      void* block = memory.malloc(domain, from);
      fill(block, 0x77, from);
      text += shown(memory, domain, memory.realloc(domain, block, to), 16, to);
    }
  }
  return text + shown(memory, Domain::obj, memory.malloc(Domain::obj, 600), 32, 600);
}

TEST_P(Interpreters, GuardAndPaintBlocksAsTheModelDoes) {
  Memory memory(options_for(profile, "pymalloc_debug"));
  EXPECT_EQ(script("bytes", "pymalloc_debug").out, model_bytes(memory));
}

TEST_P(Interpreters, NumberBlocksThatAreWrappedTwiceAsTheModelDoes) {
  if (profile.serial == Serial::none) GTEST_SKIP() << "its blocks have no numbers";
  Memory memory(options_for(profile, "pymalloc_debug"));
  auto* block = bytes_of(memory.malloc(Domain::obj, 600));
  const int difference = block[600 + 15] - block[600 + 31];
  memory.free(Domain::obj, block);
  EXPECT_EQ(script("serials", "pymalloc_debug").out, fmt::format("{}\n", difference));
}

// Behind the line of the current thread come Python's frames and foreign modules, and no more.
bool ends_in_frames_alone(const std::string& text) {
  const std::size_t thread = text.find("\nCurrent thread ");
  if (thread == std::string::npos) return text.empty();
  std::istringstream lines(text.substr(thread + 1));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    if (!line.empty() && !line.starts_with("  File \"") && !line.starts_with("Extension modules: "))
      return false;
  }
  return true;
}

TEST_P(Interpreters, SayOfEveryMisuseWhatTheModelSays) {
  std::vector<std::string> allocators = {"debug", "pymalloc_debug", "malloc_debug"};
  if (profile.knows_mimalloc) allocators.emplace_back("mimalloc_debug");
  for (const std::string& allocator : allocators) {
    const auto outcomes = nlohmann::json::parse(script("misuses", allocator).out);
    ASSERT_EQ(outcomes.size(), misuses().size());
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      const Misuse& misuse = misuses()[i];
      const auto said = outcomes[i].at("err").get<std::string>();
      const CommandResult model = outcome_of(misuse, profile, allocator);
      SCOPED_TRACE(fmt::format("PYTHONMALLOC={} {}", allocator, misuse.name));
      ASSERT_EQ(outcomes[i].at("name"), misuse.name);
      EXPECT_EQ(masked(said), masked(model.err));
      EXPECT_EQ(outcomes[i].at("status"), model.status);
      EXPECT_TRUE(ends_in_frames_alone(said)) << said;
    }
  }
}

TEST_P(Interpreters, RecurseWithoutEndWhenHooksAreSetUpBelowAHookOfTheirs) {
  const CommandResult outcome = script("hazard", "pymalloc_debug");
  EXPECT_EQ(outcome.out, "hooked once: True\n");
  EXPECT_EQ(outcome.status, 128 + SIGSEGV);
}

TEST_P(Interpreters, GuessWhatWasFreedAsTheModelDoes) {
  std::string model;
  for (const int byte : {0x00, 0xCB, 0xDB, 0xFB, 0xCD, 0xDD, 0xFD, 0xCE, 0xFF}) {
    const std::uintptr_t object[] = {1, static_cast<std::uintptr_t>(byte) * (UINTPTR_MAX / 0xFF)};
    model += fmt::format("{}\n", object_looks_freed(profile, object) ? 1 : 0);
  }
  EXPECT_EQ(script("freed", "default").out, profile.knows_default ? model : "");
  if (!profile.knows_default) {
    EXPECT_EQ(script("freed", "pymalloc").out, model);
  }
}

// Every value of PYTHONMALLOC with every option that bears on it.
TEST_P(Interpreters, UseTheConfigurationThatTheModelNames) {
  struct Case {
    StartUp start;
    std::vector<std::string> options;
  };
  std::vector<Case> cases = {{{}, {}},
                             {{.dev_mode = true}, {"-X", "dev"}},
                             {{.dev_mode = true, .isolated = true}, {"-I", "-X", "dev"}},
                             {{.pythonmalloc = "malloc", .dev_mode = true}, {"-X", "dev"}},
                             {{.pythonmalloc = "default", .dev_mode = true}, {"-X", "dev"}},
                             {{.pythonmalloc = "", .dev_mode = true}, {"-X", "dev"}},
                             {{.pythonmalloc = "malloc", .ignore_environment = true}, {"-E"}},
                             {{.pythonmalloc = "malloc", .isolated = true}, {"-I"}},
                             {{.pythonmalloc = "foo", .ignore_environment = true}, {"-E"}}};
  for (const auto* value : {"", "default", "debug", "malloc", "malloc_debug", "pymalloc",
                            "pymalloc_debug", "mimalloc", "mimalloc_debug", "foo", "Malloc"}) {
    cases.push_back({{.pythonmalloc = value}, {}});
  }
  for (const auto& [start, options] : cases) {
    std::vector<std::string> words = options;
    words.insert(words.end(), {"-S", script_path(), "configuration"});
    const std::string value(start.pythonmalloc.value_or("unset"));
    const CommandResult said = run(words, {{"PYTHONMALLOC", start.pythonmalloc ? value : kUnset}});
    SCOPED_TRACE(fmt::format("PYTHONMALLOC={} {}", value, fmt::join(options, " ")));
    try {
      const std::string_view name = configuration_at_start(start, profile).name;
      EXPECT_EQ(said.out, fmt::format("{}\n", name)) << said.err;
      EXPECT_EQ(said.status, 0);
    } catch (const InputError&) {
      EXPECT_EQ(said.err, unknown_allocator_text(profile, value));
      EXPECT_EQ(said.status, 1);
    }
  }
}

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

TEST_P(Interpreters, ReportBeforeEveryArenaAndAtExit) {
  const auto reports = [&](const std::string& allocator, const std::string& stats) {
    return run({"-S", "-c", "1"}, {{"PYTHONMALLOC", allocator}, {"PYTHONMALLOCSTATS", stats}}).err;
  };
  for (const auto* allocator : {"pymalloc", "pymalloc_debug"}) {
    const std::string text = reports(allocator, "0");
    const std::string label = "\n# arenas allocated total           = ";
    const std::size_t last = text.rfind(label);
    ASSERT_NE(last, std::string::npos);
    const std::size_t arenas = std::stoull(text.substr(last + label.size()));
    EXPECT_EQ(count_of(text, "Small block threshold = 512"), arenas + 1) << allocator;
    EXPECT_EQ(count_of(text, "# times object malloc called") > 0,
              profile.serial != Serial::none && std::string_view(allocator) == "pymalloc_debug");
    EXPECT_EQ(reports(allocator, ""), "");
  }
  EXPECT_EQ(reports("malloc", "1"), "");
  EXPECT_EQ(reports("malloc_debug", "1"), "");
  if (!profile.knows_mimalloc) return;
  for (const auto* allocator : {"mimalloc", "mimalloc_debug"}) {
    const auto without_numbers = [](const std::string& text) {
      return masked_runs(text, ": ", is_digit, 1, ": N");
    };
    EXPECT_EQ(without_numbers(reports(allocator, "1")),
              without_numbers(mimalloc_statistics_text({})));
  }
}

TEST_P(Interpreters, TraceAndTrackAsTheModelDoes) {
  Memory memory(options_for(profile, "pymalloc"));
  Tracemalloc tracemalloc(memory);
  std::string model;
  for (const int frames : {0, 65'536, 178'956'970}) {
    try {
      tracemalloc.start(frames);
      tracemalloc.stop();
      model += "started\n";
    } catch (const InputError& error) {
      model += fmt::format("{}\n", error.what());
    }
  }
  const auto track = [&](unsigned domain, std::size_t bytes) {
    return static_cast<int>(tracemalloc.track(domain, 4096, bytes));
  };
  const auto untrack = [&](unsigned domain, std::uintptr_t block) {
    return static_cast<int>(tracemalloc.untrack(domain, block));
  };
  const auto megabytes = [&] { return tracemalloc.traced_memory().current_bytes / 1'000'000; };
  model += fmt::format("{} {}\n", track(7, 10), untrack(7, 4096));
  tracemalloc.start();
  for (const auto& [domain, bytes] :
       {std::pair(7u, 10'000'000u), {7u, 20'000'000u}, {8u, 5'000'000u}}) {
    const int answer = track(domain, bytes);
    model += fmt::format("{} {}\n", answer, megabytes());
  }
  const int once = untrack(7, 4096);
  const int again = untrack(7, 4096);
  const int unknown = untrack(99, 1);
  model += fmt::format("{} {} {} {}\n", once, again, unknown, megabytes());
  EXPECT_EQ(script("tracemalloc", "pymalloc").out, model);
}

}  // namespace
}  // namespace pymemlab
