// What misuse ends in: the process's death with CPython's exact text, for every profile.
#include <gmock/gmock.h>

#include <csignal>
#include <stdexcept>
#include <thread>

#include "tests/capi/interpreter_fixture.h"

namespace pymemlab::testing_capi {
namespace {

// How a profile's texts differ.
struct Words {
  std::string_view profile;
  std::string clean, guard;  // bytes
  bool numbers_blocks;
  bool names_function;
  bool names_state;
};
const Words& words_of(std::string_view profile) {
  static const std::vector<Words> kWords = {
      {"3.6", "cb", "fb", true, false, false}, {"3.7.3", "cb", "fb", true, false, false},
      {"3.7", "cd", "fd", true, false, false}, {"3.8", "cd", "fd", false, false, true},
      {"3.9", "cd", "fd", false, true, true},  {"3.10", "cd", "fd", false, true, true},
      {"3.11", "cd", "fd", false, true, true}, {"3.12", "cd", "fd", false, true, true},
      {"3.13", "cd", "fd", false, true, true}, {"3.14", "cd", "fd", false, true, true},
      {"3.15", "cd", "fd", false, true, true}, {"3.15-hugepages", "cd", "fd", false, true, true},
  };
  const auto at = std::find_if(kWords.begin(), kWords.end(),
                               [&](const Words& words) { return words.profile == profile; });
  return at != kWords.end() ? *at : throw std::runtime_error("no words for this profile");
}

class MisuseDeathTest : public InEveryWorld {
 protected:
  [[nodiscard]] const Words& words() const { return words_of(profile()); }

  // The text of a 16-byte block of mem, fresh but for `tail_note`. Blocks are numbered from 1;
  // under pymalloc the first is the table of arenas.
  [[nodiscard]] std::string dump_of_16(const std::string& tail_note) const {
    std::string fresh;
    for (int i = 0; i < 16; ++i) fresh += " " + words().clean;
    return "Debug memory block at address p=ADDRESS: API 'm'\n"
           "    16 bytes originally requested\n"
           "    The 7 pad bytes at p-7 are FORBIDDENBYTE, as expected.\n"
           "    The 8 pad bytes at tail=ADDRESS are " +
           tail_note +
           (words().numbers_blocks
                ? std::string("    The block was made by call #") + (has_pymalloc() ? "2" : "1") +
                      " to debug malloc/realloc.\n"
                : "") +
           "    Data at p:" + fresh + "\n\n";
  }
  [[nodiscard]] std::string fatal(const std::string& function, const std::string& message) const {
    return "Fatal Python error: " + (words().names_function ? function + ": " : "") + message +
           "\n" + (words().names_state ? "Python runtime state: initialized\n" : "") +
           "\nCurrent thread ADDRESS (most recent call first):\n";
  }
};
IN_EVERY_DEBUG_WORLD(MisuseDeathTest);

const std::string kHint = "Enable tracemalloc to get the memory block allocation traceback\n\n";

// With "ADDRESS" for every hexadecimal number of six digits or more.
std::string masked(const std::string& text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end =
        text.compare(at, 2, "0x") == 0
            ? std::min(text.find_first_not_of("0123456789abcdef", at + 2), text.size())
            : at;
    if (end >= at + 8) {
      result += "ADDRESS";
      at = end;
    } else {
      result += text[at++];
    }
  }
  return result;
}
auto is_text(const std::string& expected) {
  return testing::ResultOf([](const std::string& text) { return masked(text); },
                           testing::Eq(expected));
}

void overrun_a_block_of_16() {
  auto* block = static_cast<char*>(PyMem_Malloc(16));
  block[16] = 'x';
  PyMem_Free(block);
}

TEST_P(MisuseDeathTest, AnOverrunIsDumpedAndFatal) {
  const std::string& guard = words().guard;
  std::string tail = "not all FORBIDDENBYTE (0x" + guard + "):\n        at tail+0: 0x78 *** OUCH\n";
  for (int i = 1; i < 8; ++i)
    tail += "        at tail+" + std::to_string(i) + ": 0x" + guard + "\n";
  EXPECT_EXIT(
      overrun_a_block_of_16(), testing::KilledBySignal(SIGABRT),
      is_text(dump_of_16(tail) + kHint + fatal("_PyMem_DebugRawFree", "bad trailing pad byte")));
}

TEST_P(MisuseDeathTest, AMixUpOfDomainsNamesBoth) {
  void* (*volatile allocate)(std::size_t) = PyMem_Malloc;  // else the compiler sees the mix-up
  EXPECT_EXIT(PyMem_RawFree(allocate(16)), testing::KilledBySignal(SIGABRT),
              is_text(dump_of_16("FORBIDDENBYTE, as expected.\n") + kHint +
                      fatal("_PyMem_DebugRawFree",
                            "bad ID: Allocated using API 'm', verified using API 'r'")));
  EXPECT_EXIT(PyObject_Realloc(allocate(16), 20), testing::KilledBySignal(SIGABRT),
              is_text(dump_of_16("FORBIDDENBYTE, as expected.\n") + kHint +
                      fatal("_PyMem_DebugRawRealloc",
                            "bad ID: Allocated using API 'm', verified using API 'o'")));
}

TEST_P(MisuseDeathTest, TracemallocSaysWhereTheBlockWasAllocated) {
  const auto overrun_while_tracing = [] {
    PyMemLab_TraceMallocStart(25);
    PyMemLab_Frame caller = {"script.py", 6, nullptr};
    PyMemLab_Frame callee = {"module.py", 41, nullptr};
    PyMemLab_EnterFrame(&caller);
    PyMemLab_EnterFrame(&callee);
    overrun_a_block_of_16();
  };
  EXPECT_EXIT(overrun_while_tracing(), testing::KilledBySignal(SIGABRT),
              testing::HasSubstr("\n\nMemory block allocated at (most recent call first):\n"
                                 "  File \"module.py\", line 41\n"
                                 "  File \"script.py\", line 6\n"
                                 "\nFatal Python error: "));
}

TEST_P(MisuseDeathTest, WithoutTheGilMemAndObjAreFatal) {
  const std::string message = "Python memory allocator called without holding the GIL";
  const auto without_gil = [](auto action) {
    Py_BEGIN_ALLOW_THREADS;
    action();
    Py_END_ALLOW_THREADS;
  };
  EXPECT_EXIT(without_gil([] { PyMem_Malloc(10); }), testing::KilledBySignal(SIGABRT),
              is_text(fatal("_PyMem_DebugMalloc", message)));
  EXPECT_EXIT(without_gil([] { PyObject_Calloc(1, 10); }), testing::KilledBySignal(SIGABRT),
              is_text(fatal("_PyMem_DebugCalloc", message)));
  EXPECT_EXIT(without_gil([] { PyObject_Realloc(nullptr, 10); }), testing::KilledBySignal(SIGABRT),
              is_text(fatal("_PyMem_DebugRealloc", message)));
  EXPECT_EXIT(without_gil([] { PyMem_Free(nullptr); }), testing::KilledBySignal(SIGABRT),
              is_text(fatal("_PyMem_DebugFree", message)));
  without_gil([] { PyMem_RawFree(PyMem_RawMalloc(10)); });
}

TEST_P(MisuseDeathTest, AnotherThreadDoesNotHoldTheGil) {
  EXPECT_EXIT(std::thread([] { PyObject_Malloc(10); }).join(), testing::KilledBySignal(SIGABRT),
              testing::HasSubstr("called without holding the GIL"));
}

}  // namespace
}  // namespace pymemlab::testing_capi
