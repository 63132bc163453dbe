#include "tests/pymem/misuses.h"

#include <array>

#include "tests/child.h"
#include "tests/masking.h"
#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

std::uint8_t* filled(Program& program, Domain domain, std::size_t size) {
  auto* block = bytes_of(program.memory.malloc(domain, size));
  for (std::size_t i = 0; i < size; ++i) block[i] = static_cast<std::uint8_t>(i);
  return block;
}

void overrun(Program& program) {
  auto* block = bytes_of(program.memory.malloc(Domain::mem, 16));
  block[16] = 0x78;
  program.memory.free(Domain::mem, block);
}

void long_overrun(Program& program) {
  auto* block = filled(program, Domain::raw, 17);
  for (std::size_t i = 0; i < 8; ++i) block[17 + i] = static_cast<std::uint8_t>(0x41 + i);
  program.memory.free(Domain::raw, block);
}

void underrun(Program& program) {
  auto* block = filled(program, Domain::mem, 20);
  block[-1] = 0x7A;
  program.memory.free(Domain::mem, block);
}

void underrun_met_by_realloc(Program& program) {
  auto* block = filled(program, Domain::obj, 9);
  block[-7] = 0;
  static_cast<void>(program.memory.realloc(Domain::obj, block, 30));
}

void underrun_and_overrun(Program& program) {
  auto* block = filled(program, Domain::obj, 1);
  block[-3] = 0;
  block[1] = 0;
  program.memory.free(Domain::obj, block);
}

void mem_freed_by_raw(Program& program) {
  program.memory.free(Domain::raw, program.memory.malloc(Domain::mem, 16));
}

void raw_freed_by_obj(Program& program) {
  program.memory.free(Domain::obj, program.memory.malloc(Domain::raw, 0));
}

void obj_resized_by_mem(Program& program) {
  static_cast<void>(program.memory.realloc(Domain::mem, filled(program, Domain::obj, 300), 5));
}

void freed_with_a_broken_tag(Program& program) {
  auto* block = filled(program, Domain::mem, 8);
  block[-8] = '!';
  block[-7] = 0;
  program.memory.free(Domain::mem, block);
}

void zeroed_block_overrun(Program& program) {
  auto* block = bytes_of(program.memory.calloc(Domain::obj, 3, 4));
  block[12] = 0;
  static_cast<void>(program.memory.realloc(Domain::obj, block, 0));
}

void traced_overrun(Program& program) {
  program.tracemalloc.start(2);
  overrun(program);
}

void overrun_of_a_block_older_than_tracing(Program& program) {
  auto* block = bytes_of(program.memory.malloc(Domain::mem, 16));
  program.tracemalloc.start(2);
  block[16] = 0x78;
  program.memory.free(Domain::mem, block);
}

// Lets go of the GIL around `action`, as ctypes does around a foreign function.
template <typename Action>
void without_gil(Program& program, Action action) {
  program.gil.release();
  action();
  program.gil.acquire();
}

void mem_malloc_without_gil(Program& program) {
  without_gil(program, [&] { static_cast<void>(program.memory.malloc(Domain::mem, 1)); });
}

void obj_malloc_without_gil(Program& program) {
  without_gil(program, [&] { static_cast<void>(program.memory.malloc(Domain::obj, 1)); });
}

void mem_calloc_without_gil(Program& program) {
  without_gil(program, [&] { static_cast<void>(program.memory.calloc(Domain::mem, 1, 1)); });
}

void obj_realloc_without_gil(Program& program) {
  without_gil(program, [&] { static_cast<void>(program.memory.realloc(Domain::obj, nullptr, 1)); });
}

void mem_free_of_nothing_without_gil(Program& program) {
  without_gil(program, [&] { program.memory.free(Domain::mem, nullptr); });
}

void raw_without_gil(Program& program) {
  without_gil(program,
              [&] { program.memory.free(Domain::raw, program.memory.malloc(Domain::raw, 1)); });
}

constexpr std::array kMisuses = {
    Misuse{"overrun", overrun},
    Misuse{"long_overrun", long_overrun},
    Misuse{"underrun", underrun},
    Misuse{"underrun_met_by_realloc", underrun_met_by_realloc},
    Misuse{"underrun_and_overrun", underrun_and_overrun},
    Misuse{"mem_freed_by_raw", mem_freed_by_raw},
    Misuse{"raw_freed_by_obj", raw_freed_by_obj},
    Misuse{"obj_resized_by_mem", obj_resized_by_mem},
    Misuse{"freed_with_a_broken_tag", freed_with_a_broken_tag},
    Misuse{"zeroed_block_overrun", zeroed_block_overrun},
    Misuse{"traced_overrun", traced_overrun},
    Misuse{"overrun_of_a_block_older_than_tracing", overrun_of_a_block_older_than_tracing},
    Misuse{"mem_malloc_without_gil", mem_malloc_without_gil},
    Misuse{"obj_malloc_without_gil", obj_malloc_without_gil},
    Misuse{"mem_calloc_without_gil", mem_calloc_without_gil},
    Misuse{"obj_realloc_without_gil", obj_realloc_without_gil},
    Misuse{"mem_free_of_nothing_without_gil", mem_free_of_nothing_without_gil},
    Misuse{"raw_without_gil", raw_without_gil},
};

void two_frames(void*, std::size_t, Traceback& frames) {
  frames = {{"script.py", 6}, {"script.py", 9}};
}

}  // namespace

std::span<const Misuse> misuses() noexcept { return kMisuses; }

CommandResult outcome_of(const Misuse& misuse, const Profile& profile,
                         std::string_view configuration) {
  return run_in_child([&] {
    Gil gil;
    MemoryOptions options = options_for(profile, configuration);
    options.gil = gil.check(profile);
    Memory memory(options);
    Tracemalloc tracemalloc(memory, {.gil = &gil, .frames = {.collect = two_frames}});
    Program program{.memory = memory, .gil = gil, .tracemalloc = tracemalloc};
    gil.acquire();
    misuse.commit(program);
    gil.release();
  });
}

std::string masked(std::string text) {
  const std::string thread = "(most recent call first):\n";
  const std::size_t current = text.find("\nCurrent thread ");
  if (current != std::string::npos) text.resize(text.find(thread, current) + thread.size());
  text = masked_addresses(text);
  text = masked_runs(text, "call #", is_digit, 1, "call #N");
  text = masked_runs(
      text, "File \"", [](char c) { return c != '"'; }, 1, "File \"FILE");
  return masked_runs(text, "\", line ", is_digit, 1, "\", line N");
}

}  // namespace pymemlab
