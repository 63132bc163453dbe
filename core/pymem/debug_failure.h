// What the debug hooks found wrong, and CPython's words for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/domain.h"
#include "core/pymem/profile.h"

namespace pymemlab {

// In the order in which they are looked for.
enum class DebugFault : std::uint8_t {
  no_gil,          // mem or obj used by a thread that does not hold the GIL
  wrong_tag,       // the block belongs to another domain, or is no block
  leading_guard,   // written to before its start
  trailing_guard,  // written to behind its end
};

enum class DebugOperation : std::uint8_t { malloc, calloc, realloc, free };

// What tracemalloc adds to the dump of a block: the paragraph that says where it was allocated, or
// nothing for one it does not know. No function: it is off, and the dump says how to turn it on.
struct TracebackSource {
  std::string (*paragraph)(void* context, const void* block) = nullptr;
  void* context = nullptr;
};

struct DebugFailure {
  DebugFault fault;
  DebugOperation operation;
  Domain domain;      // whose hook found it
  const void* block;  // as the program knows it; nullptr for no_gil
  TracebackSource traceback = {};
};

// The domain's letter in a block's header. REQUIRES: raw, mem or obj.
[[nodiscard]] char debug_tag(Domain domain) noexcept;

// The dump of the block that CPython writes to stderr, ended by what tracemalloc says; empty for
// no_gil. Trusts the size in the header, as CPython does: where that is corrupt, it may crash.
[[nodiscard]] std::string debug_dump(const DebugFailure& failure, const Profile& profile);
// A fatal error of CPython: `function` is named where the profile does so, and the text goes up to
// the line of the current thread.
[[nodiscard]] std::string fatal_error_text(std::string_view function, std::string_view message,
                                           const Profile& profile);
// The one that follows the dump, up to the line of the current thread: a simulated interpreter has
// no Python frames to list and no extension modules.
[[nodiscard]] std::string fatal_error_text(const DebugFailure& failure, const Profile& profile);

// Where failures go. If `report` returns, the operation that failed is given up: nothing is freed
// and the answer is nullptr. It must not throw.
struct DebugReporter {
  void (*report)(void* context, const DebugFailure& failure, const Profile& profile);
  void* context = nullptr;
};
// Writes both texts to stderr and aborts, as CPython does.
[[nodiscard]] DebugReporter aborting_reporter() noexcept;

}  // namespace pymemlab
