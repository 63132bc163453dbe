// The model's debug blocks and failure texts against every CPython on this machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

// Does in the interpreter what model_bytes() and model_failure() do in the model.
constexpr std::string_view kScript = R"(
import ctypes, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
api = ctypes.pythonapi
SIZE, POINTER = ctypes.c_size_t, ctypes.c_void_p
FUNCTIONS = {'Malloc': (POINTER, [SIZE]), 'Calloc': (POINTER, [SIZE, SIZE]),
             'Realloc': (POINTER, [POINTER, SIZE]), 'Free': (None, [POINTER])}
PREFIX = {'raw': 'PyMem_Raw', 'mem': 'PyMem_', 'obj': 'PyObject_'}
def call(domain, name, *arguments):
    function = getattr(api, PREFIX[domain] + name)
    function.restype, function.argtypes = FUNCTIONS[name]
    return function(*arguments)
def show(block, before, size, after=8):
    print(ctypes.string_at(block - before, before + size + after).hex())
def number(at):
    return int.from_bytes(ctypes.string_at(at, 8), 'big')
what = sys.argv[1]
if what == 'bytes':
    for domain in 'raw', 'mem', 'obj':
        for size in 0, 5, 40, 488:
            show(call(domain, 'Malloc', size), 16, size)
        show(call(domain, 'Calloc', 3, 4), 16, 12)
        for old, new in (5, 9), (9, 5), (128, 130), (300, 400), (400, 300):
            block = call(domain, 'Malloc', old)
            ctypes.memset(block, 0x77, old)
            show(call(domain, 'Realloc', block, new), 16, new)
    show(call('obj', 'Malloc', 600), 32, 600)
elif what == 'serials':
    block = call('obj', 'Malloc', 600)
    print(number(block + 600 + 8) - number(block + 600 + 24))
elif what == 'overrun':
    block = call('mem', 'Malloc', 16)
    ctypes.memset(block + 16, 0x78, 1)
    call('mem', 'Free', block)
elif what == 'underrun':
    block = call('obj', 'Malloc', 20)
    ctypes.memset(block, 0x41, 20)
    ctypes.memset(block - 1, 0x7a, 1)
    call('obj', 'Realloc', block, 30)
elif what == 'mixup':
    call('raw', 'Free', call('mem', 'Malloc', 16))
)";

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

void model_failure(Memory& memory, std::string_view what) {
  if (what == "overrun") {
    auto* block = bytes_of(memory.malloc(Domain::mem, 16));
    block[16] = 0x78;
    memory.free(Domain::mem, block);
  } else if (what == "underrun") {
    auto* block = bytes_of(memory.malloc(Domain::obj, 20));
    fill(block, 0x41, 20);
    block[-1] = 0x7a;
    static_cast<void>(memory.realloc(Domain::obj, block, 30));
  } else {
    memory.free(Domain::raw, memory.malloc(Domain::mem, 16));
  }
}

std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string text;
  for (int c; pipe != nullptr && (c = std::fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  if (pipe != nullptr) ::pclose(pipe);
  return text;
}

struct Interpreter {
  std::string path;
  std::string version;
};

// Every CPython 3.6 or later with ctypes on the PATH or among pyenv's versions, each once.
std::vector<Interpreter> interpreters() {
  namespace fs = std::filesystem;
  std::vector<fs::path> folders;
  std::istringstream path(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "");
  for (std::string folder; std::getline(path, folder, ':');) folders.emplace_back(folder);
  const char* home = std::getenv("HOME");
  const char* pyenv = std::getenv("PYENV_ROOT");
  const fs::path root = pyenv != nullptr ? fs::path(pyenv) : fs::path(home ? home : "/") / ".pyenv";
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root / "versions", ignored)) {
    folders.push_back(entry.path() / "bin");
  }

  std::vector<Interpreter> found;
  std::set<std::string> seen;
  for (const fs::path& folder : folders) {
    const std::string python = (folder / "python3").string();
    if (!fs::exists(python, ignored)) continue;
    std::istringstream answer(output_of(fmt::format(
        "'{}' -c 'import ctypes, platform, sys; print(platform.python_implementation(), "
        "sys.executable, platform.python_version())' 2>/dev/null",
        python)));
    std::string implementation;
    Interpreter interpreter;
    answer >> implementation >> interpreter.path >> interpreter.version;
    if (implementation != "CPython") continue;
    if (seen.insert(fs::weakly_canonical(interpreter.path, ignored).string()).second) {
      found.push_back(interpreter);
    }
  }
  return found;
}

class Interpreters : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    found_ = interpreters();
    script_ = testing::TempDir() + "pymemlab_debug_blocks.py";
    std::ofstream(script_) << kScript;
    for (const Interpreter& interpreter : found_) {
      std::printf("compared with CPython %s: %s\n", interpreter.version.c_str(),
                  interpreter.path.c_str());
    }
  }
  void SetUp() override {
    if (found_.empty()) GTEST_SKIP() << "no CPython on this machine";
  }
  static std::string run(const Interpreter& interpreter, std::string_view what,
                         std::string_view allocator = "pymalloc_debug") {
    return output_of(fmt::format("PYTHONMALLOC={} exec '{}' -S '{}' {} 2>&1", allocator,
                                 interpreter.path, script_, what));
  }

  static inline std::vector<Interpreter> found_;
  static inline std::string script_;
};

TEST_F(Interpreters, GuardAndPaintBlocksAsTheModelDoes) {
  for (const Interpreter& interpreter : found_) {
    Memory memory(options_for(profile_of_version(interpreter.version), "pymalloc_debug"));
    EXPECT_EQ(run(interpreter, "bytes"), model_bytes(memory)) << interpreter.path;
  }
}

TEST_F(Interpreters, NumberBlocksThatAreWrappedTwiceAsTheModelDoes) {
  for (const Interpreter& interpreter : found_) {
    const Profile& profile = profile_of_version(interpreter.version);
    if (profile.serial == Serial::none) continue;
    Memory memory(options_for(profile, "pymalloc_debug"));
    auto* block = bytes_of(memory.malloc(Domain::obj, 600));
    const int difference = block[600 + 15] - block[600 + 31];
    memory.free(Domain::obj, block);
    EXPECT_EQ(run(interpreter, "serials"), fmt::format("{}\n", difference)) << interpreter.path;
  }
}

TEST_F(Interpreters, DumpBlocksAndDieInTheModelsWords) {
  const auto masked = [](const std::string& text) {
    return std::regex_replace(std::regex_replace(text, std::regex("0x[0-9a-f]{6,}"), "ADDRESS"),
                              std::regex("call #[0-9]+"), "call #N");
  };
  for (const Interpreter& interpreter : found_) {
    for (const auto* what : {"overrun", "underrun", "mixup"}) {
      CaughtFailures caught;
      MemoryOptions options =
          options_for(profile_of_version(interpreter.version), "pymalloc_debug");
      options.debug_reporter = caught.reporter();
      Memory memory(options);
      model_failure(memory, what);
      ASSERT_EQ(caught.all.size(), 1u);
      EXPECT_THAT(masked(run(interpreter, what)),
                  testing::StartsWith(masked(caught.all.front().text)))
          << interpreter.path << " " << what;
    }
  }
}

TEST_F(Interpreters, RefuseAnUnknownAllocatorInTheProfilesWords) {
  for (const Interpreter& interpreter : found_) {
    EXPECT_EQ(run(interpreter, "nothing", "foo"),
              unknown_allocator_text(profile_of_version(interpreter.version), "foo"))
        << interpreter.path;
  }
}

}  // namespace
}  // namespace pymemlab
