// The recorder on every CPython of this machine.
#include "tests/interpreters.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <cstdlib>

#include "tests/record/recording.h"

namespace pymemlab {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::Not;
using testing::StartsWith;

class EveryInterpreter : public RecordTest, public testing::WithParamInterface<Interpreter> {
 protected:
  [[nodiscard]] static const std::string& python() { return GetParam().path; }
  [[nodiscard]] static int minor() { return GetParam().minor; }
  [[nodiscard]] CommandResult record_script(const std::string& script,
                                            const CommandOptions& options = {}) const {
    write_file("script.py", script);
    return record({python(), in_folder("script.py")}, options);
  }
  // The trace is whole, and every block it frees is one that it saw being allocated.
  [[nodiscard]] TraceFacts sound_facts() const {
    const TraceFacts facts = this->facts();
    EXPECT_EQ(facts.damage, std::nullopt);
    EXPECT_EQ(facts.overlaps, 0u);
    EXPECT_EQ(facts.unknown, 0u);
    return facts;
  }
};

// The same hash seed and warm .pyc files make two runs request the same.
const CommandOptions kRepeatable = {
    .environment = {{"PYTHONHASHSEED", "0"}, {"PYTHONMALLOC", kUnset}}};

CommandOptions configured(const std::string& configuration) {
  CommandOptions options = kRepeatable;
  options.environment.back().second = configuration;
  return options;
}

constexpr const char* kBusyProgram = R"py(
import json, os, sys
data = [{'number': i, 'text': str(i) * 3, 'list': [i] * 5} for i in range(2000)]
assert json.loads(json.dumps(data)) == data
kept = [bytearray(i) for i in range(1500)]
print(sys.stdin.read().upper(), len(kept), sys.argv[1:])
print('to the other stream', file=sys.stderr)
seen = dict(os.environ)
seen.pop('_', None)
print(sorted(seen.items()))
print(sorted(os.listdir('/proc/self/fd')), len(os.listdir('/proc/self/task')))
sys.exit(7)
)py";

TEST_P(EveryInterpreter, ProducesTheSameOutputEnvironmentAndStatusWhenItIsRecorded) {
  write_file("script.py", kBusyProgram);
  const std::vector<std::string> command = {python(), in_folder("script.py"), "-o", "--", "x"};
  const CommandOptions options = {.environment = {{"A_VARIABLE", "its value"}},
                                  .input = "what it reads"};
  const CommandResult alone = run(command, options);
  const CommandResult recorded = record(command, options);
  EXPECT_EQ(recorded.status, 7);
  EXPECT_EQ(recorded.out, alone.out);
  EXPECT_THAT(recorded.err, StartsWith(alone.err + "pymemlab: recorded "));
}

TEST_P(EveryInterpreter, IsSeenInAllThreeDomainsFromItsStartToItsEnd) {
  ASSERT_EQ(record_script(kBusyProgram, kRepeatable).status, 7);
  const TraceFacts facts = sound_facts();
  EXPECT_GT(facts.requests[index(Domain::raw)], 500u);
  EXPECT_GT(facts.requests[index(Domain::mem)], 1000u);
  EXPECT_GT(facts.requests[index(Domain::obj)], 30000u);
  EXPECT_GT(facts.kinds.at(EventKind::arena_alloc), 0u);
  EXPECT_EQ(facts.metadata.columns, std::vector<std::string>{"address"});
}

TEST_P(EveryInterpreter, IsDescribedInTheTrace) {
  ASSERT_EQ(record_script(kBusyProgram, kRepeatable).status, 7);
  const TraceMetadata metadata = facts().metadata;
  ASSERT_TRUE(metadata.python.has_value());
  EXPECT_EQ(metadata.python->version, GetParam().version);
  EXPECT_EQ(metadata.python->pool_bytes, minor() < 10 ? 4096u : 16384u);
  EXPECT_EQ(metadata.python->arena_bytes, minor() < 10 ? 256u * 1024 : 1024u * 1024);
  EXPECT_EQ(metadata.pythonmalloc, std::nullopt);
  EXPECT_EQ(metadata.source, "record");
  EXPECT_THAT(metadata.command, Contains(python()));
  EXPECT_GT(metadata.pid, 0);
  EXPECT_EQ(metadata.extra.at("exit_status"), 7);
}

// sys.getsizeof knows nothing of it; the addresses of objects do.
TEST_P(EveryInterpreter, ShowsItsAlignment) {
  const CommandResult shown = run({python(), "-c",
                                   "print(8 if any(id(object()) % 16 or id([]) % 16 or id(str(i)) "
                                   "% 16 for i in range(9)) else 16)"});
  ASSERT_EQ(record_script(kBusyProgram, kRepeatable).status, 7);
  // The garbage collector's header may shift an object by 8 under 16-byte alignment in no version.
  EXPECT_EQ(facts().metadata.python->alignment,
            static_cast<std::uint64_t>(std::atoi(shown.out.c_str())));
}

TEST_P(EveryInterpreter, IsSeenInEveryConfiguration) {
  write_file("script.py", kBusyProgram);
  const std::vector<std::string> command = {python(), in_folder("script.py")};
  ASSERT_EQ(record(command, kRepeatable).status, 7);
  const TraceFacts plain = sound_facts();
  for (const std::string configuration :
       {"pymalloc", "pymalloc_debug", "malloc", "malloc_debug", "debug", "default"}) {
    SCOPED_TRACE(configuration);
    const CommandOptions options = configured(configuration);
    if (run(command, options).status != 7) continue;  // 3.6 does not know "default"
    ASSERT_EQ(record(command, options).status, 7);
    const TraceFacts facts = this->facts();
    EXPECT_EQ(facts.metadata.pythonmalloc, configuration);
    EXPECT_EQ(facts.overlaps, 0u);
    // 3.7 allocates a few raw blocks before it can be hooked again.
    EXPECT_LE(facts.unknown, minor() == 7 ? 40u : 0u);
    for (const Domain domain : {Domain::mem, Domain::obj}) {
      const double ratio = static_cast<double>(facts.requests[index(domain)]) /
                           static_cast<double>(plain.requests[index(domain)]);
      EXPECT_THAT(ratio, AllOf(Ge(0.995), Le(1.005))) << name(domain);
    }
    const bool pymalloc = facts.metadata.python->arena_bytes != 0;
    EXPECT_EQ(facts.metadata.python->alignment != 0, pymalloc);
    if (configuration.rfind("malloc", 0) == 0) {
      EXPECT_FALSE(pymalloc);
    } else if (configuration.rfind("pymalloc", 0) == 0) {
      EXPECT_TRUE(pymalloc);
    }
  }
}

TEST_P(EveryInterpreter, IsSeenInDevelopmentModeAndUnderTracemalloc) {
  write_file("script.py", kBusyProgram);
  for (const std::string option : {"dev", "tracemalloc"}) {
    SCOPED_TRACE(option);
    if (option == "dev" && minor() < 7) continue;
    ASSERT_EQ(record({python(), "-X", option, in_folder("script.py")}, kRepeatable).status, 7);
    const TraceFacts facts = this->facts();
    EXPECT_EQ(facts.overlaps, 0u);
    EXPECT_LE(facts.unknown, minor() == 7 ? 40u : 0u);
    EXPECT_GT(facts.requests[index(Domain::obj)], 30000u);
  }
}

TEST_P(EveryInterpreter, IsRecordedInAllItsThreads) {
  ASSERT_EQ(record_script(R"py(
import threading
def work():
    kept = [[str(i) * 3, {i: i}] for i in range(4000)]
work()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
)py",
                          kRepeatable)
                .status,
            0);
  const TraceFacts facts = sound_facts();
  ASSERT_EQ(facts.by_thread.size(), 5u);
  for (const auto& [thread, requests] : facts.by_thread) EXPECT_GT(requests, 10000u) << thread;
}

// ctypes lets the interpreter's lock go: the raw requests of the threads really overlap. With one
// heap for all and no cache for each, a block that one thread frees is the next one of another.
TEST_P(EveryInterpreter, IsRecordedWhereThreadsAllocateAtTheSameTime) {
  const CommandResult recorded =
      record_script(R"py(
try:
    import ctypes, threading
except ImportError:
    raise SystemExit(66)
api = ctypes.CDLL(None)
malloc, realloc, free = api.PyMem_RawMalloc, api.PyMem_RawRealloc, api.PyMem_RawFree
malloc.restype = realloc.restype = ctypes.c_void_p
malloc.argtypes, free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
def work():
    for i in range(10000):
        block = malloc(40 + i % 7)
        free(malloc(500))
        free(realloc(block, 400 + i % 1000))
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
)py",
                    {.environment = {{"MALLOC_ARENA_MAX", "1"},
                                     {"GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"}}});
  if (recorded.status == 66) GTEST_SKIP() << python() << " has no ctypes";
  ASSERT_EQ(recorded.status, 0) << recorded.err;
  const TraceFacts facts = sound_facts();
  EXPECT_GE(facts.requests[index(Domain::raw)], 4u * 10000 * 5);
}

TEST_P(EveryInterpreter, KeepsWhatAProgramRecordedBeforeItsSuddenEnd) {
  struct End {
    const char* code;
    int status;
  };
  for (const End& end :
       {End{"sys.exit(3)", 3}, End{"os._exit(4)", 4}, End{"os.abort()", 128 + SIGABRT},
        End{"os.kill(os.getpid(), 9)", 128 + SIGKILL},
        End{"os.kill(os.getpid(), 11)", 128 + SIGSEGV}}) {
    SCOPED_TRACE(end.code);
    const std::string script =
        "import os, resource, sys\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "last = bytearray(7654321)\n";
    EXPECT_EQ(record_script(script + end.code).status, end.status);
    const TraceFacts facts = sound_facts();
    EXPECT_THAT(facts.sizes, Contains(AllOf(Ge(7654321u), Le(7654322u))));
    EXPECT_EQ(facts.metadata.extra.at("exit_status"), end.status);
  }
}

TEST_P(EveryInterpreter, LeavesAForkedChildUnrecordedAndUnharmed) {
  const CommandResult recorded = record_script(R"py(
import os
before = bytearray(1111111)
child = os.fork()
if child == 0:
    inside = bytearray(2222222)
    many = [str(i) for i in range(20000)]
    os._exit(5)
print(os.waitpid(child, 0)[1] >> 8)
after = bytearray(3333333)
)py");
  EXPECT_EQ(recorded.status, 0);
  EXPECT_EQ(recorded.out, "5\n");
  const TraceFacts facts = sound_facts();
  const auto near = [](std::uint64_t bytes) { return Contains(AllOf(Ge(bytes), Le(bytes + 1))); };
  EXPECT_THAT(facts.sizes, near(1111111));
  EXPECT_THAT(facts.sizes, Not(near(2222222)));
  EXPECT_THAT(facts.sizes, near(3333333));
}

TEST_P(EveryInterpreter, IsRecordedUpToItsReplacementByAnotherProgram) {
  const CommandResult recorded = record_script(R"py(
import os, sys
before = bytearray(1111111)
os.execv(sys.executable, [sys.executable, '-c', 'x = bytearray(2222222); exit(3)'])
)py");
  EXPECT_EQ(recorded.status, 3);
  const TraceFacts facts = sound_facts();
  EXPECT_THAT(facts.sizes, Contains(AllOf(Ge(1111111u), Le(1111112u))));
  EXPECT_THAT(facts.sizes, Not(Contains(AllOf(Ge(2222222u), Le(2222223u)))));
}

TEST_P(EveryInterpreter, LeavesASecondPythonUnrecorded) {
  const CommandResult recorded = record_script(R"py(
import subprocess, sys
code = "import os; x = bytearray(2222222); print([v for v in os.environ if v in ('PYMEMLAB_RING', 'LD_PRELOAD')])"
subprocess.check_call([sys.executable, '-c', code])
)py");
  EXPECT_EQ(recorded.out, "[]\n");
  EXPECT_THAT(sound_facts().sizes, Not(Contains(AllOf(Ge(2222222u), Le(2222223u)))));
}

TEST_P(EveryInterpreter, IsFoundBehindAShellScriptAndAWrapper) {
  write_file("shim",
             fmt::format("#!/bin/bash\nprintf 'shim %s\\n' \"$1\"\n"
                         "exec nice env EXTRA=1 {} \"$@\"\n",
                         python()),
             true);
  const CommandResult recorded =
      record({in_folder("shim"), "-c", "import os; print(os.environ['EXTRA'])"});
  EXPECT_EQ(recorded.status, 0);
  EXPECT_EQ(recorded.out, "shim -c\n1\n");
  EXPECT_GT(sound_facts().requests[index(Domain::obj)], 1000u);
}

TEST_P(EveryInterpreter, IsRecordedAsAChildOfAShellWhoseStatusCounts) {
  const CommandResult recorded = record({"sh", "-c", python() + " -c 'print(1)'; exit 9"});
  EXPECT_EQ(recorded.status, 9);
  EXPECT_EQ(recorded.out, "1\n");
  EXPECT_GT(sound_facts().requests[index(Domain::obj)], 1000u);
}

// A sanitized pymemlab would want to be preloaded first itself.
TEST_P(EveryInterpreter, SeesTheUsersOwnPreloadUntouched) {
  const std::string library = "libm.so.6";
  const CommandResult recorded = record(
      {python(), "-c", "import os; print(os.environ['LD_PRELOAD'])"},
      {.environment = {{"LD_PRELOAD", library}, {"ASAN_OPTIONS", "verify_asan_link_order=0"}}});
  EXPECT_EQ(recorded.out, library + "\n");
}

TEST_P(EveryInterpreter, TellsWhatARequestOfAnySizeCameTo) {
  const CommandResult recorded = record_script(R"py(
try:
    import ctypes
except ImportError:
    raise SystemExit(66)
api = ctypes.CDLL(None)
calloc, malloc = api.PyMem_RawCalloc, api.PyMem_RawMalloc
calloc.restype = malloc.restype = ctypes.c_void_p
calloc.argtypes, malloc.argtypes = [ctypes.c_size_t] * 2, [ctypes.c_size_t]
calloc(1234, 5678)
assert malloc((1 << 62) + 1) is None
assert calloc(1 << 20, 1 << 40) is None
)py");
  if (recorded.status == 66) GTEST_SKIP() << python() << " has no ctypes";
  ASSERT_EQ(recorded.status, 0) << recorded.err;
  const TraceFacts facts = sound_facts();
  EXPECT_EQ(facts.failed, 2u);
  EXPECT_THAT(facts.sizes, Contains(1234u * 5678));
  EXPECT_THAT(facts.sizes, Contains((std::uint64_t{1} << 62) + 1));
  EXPECT_THAT(facts.sizes, Contains(std::uint64_t{1} << 60));
}

class EveryWithSeveralAllocators : public EveryInterpreter {};

TEST_P(EveryWithSeveralAllocators, TellsItsIsolatedInterpretersApart) {
  const CommandResult recorded = record_script(R"py(
import sys
if sys.version_info >= (3, 13):
    import _interpreters as i
    made = [i.create('isolated'), i.create('isolated'), i.create('legacy')]
else:
    import _xxsubinterpreters as i
    made = [i.create(isolated=True), i.create(isolated=True), i.create(isolated=False)]
for one in made:
    i.run_string(one, 'kept = [str(n) * 3 for n in range(5000)]')
for one in made:
    i.destroy(one)
)py");
  ASSERT_EQ(recorded.status, 0) << recorded.err;
  const TraceFacts facts = sound_facts();
  // The legacy one uses the main interpreter's allocator.
  ASSERT_EQ(facts.by_interpreter.size(), 3u);
  for (const auto& [interpreter, requests] : facts.by_interpreter)
    EXPECT_GT(requests, 20000u) << interpreter;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryWithSeveralAllocators);
INSTANTIATE_TEST_SUITE_P(Record, EveryWithSeveralAllocators,
                         testing::ValuesIn(interpreters_in_turn(has_several_allocators)),
                         [](const auto& info) { return info.param.test_name(); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryInterpreter);
INSTANTIATE_TEST_SUITE_P(Record, EveryInterpreter, testing::ValuesIn(interpreters_in_turn()),
                         [](const auto& info) { return info.param.test_name(); });

}  // namespace
}  // namespace pymemlab
