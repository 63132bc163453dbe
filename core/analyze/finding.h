// What is wrong, or worth knowing, at one event of a trace.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/domain.h"
#include "core/trace/event.h"

namespace pymemlab {

enum class FindingKind : std::uint8_t {
  wrong_domain,   // a free or realloc through another domain than the block's
  dead_block,     // a free or realloc of a block that was freed before
  unknown_block,  // a free or realloc of an address that no block of the trace has
  zero_size,      // a request for 0 bytes: legal, and not the same everywhere
  failed,         // a request that was refused
};
inline constexpr std::size_t kFindingKinds = 5;
inline constexpr std::array<std::string_view, kFindingKinds> kFindingKindNames = {
    "wrong_domain", "dead_block", "unknown_block", "zero_size", "failed"};

constexpr std::size_t index(FindingKind kind) noexcept { return static_cast<std::size_t>(kind); }
constexpr std::string_view name(FindingKind kind) noexcept {
  return kFindingKindNames[index(kind)];
}
// Whether the call is one that C leaves undefined, and so has outcomes.
constexpr bool is_misuse(FindingKind kind) noexcept { return kind <= FindingKind::unknown_block; }

enum class OutcomeKind : std::uint8_t {
  runs_on,      // nothing is damaged: the program works by luck
  corrupts,     // the program goes on with a damaged heap
  fatal_error,  // the debug hooks find it: "Fatal Python error", abort
  crashes,      // the C library aborts, or the process dies of a signal
  undefined,    // it depends on what the trace does not tell
};
inline constexpr std::array<std::string_view, 5> kOutcomeKindNames = {
    "runs_on", "corrupts", "fatal_error", "crashes", "undefined"};

constexpr std::string_view name(OutcomeKind kind) noexcept {
  return kOutcomeKindNames[static_cast<std::size_t>(kind)];
}

// What CPython does at the event under one value of PYTHONMALLOC.
struct Outcome {
  std::string_view configuration = {};  // "pymalloc_debug"
  OutcomeKind kind = OutcomeKind::undefined;
  std::string explanation = {};  // one clause, in lower case
  // The hooks' words, where they are known: the first line of the fatal error, and the dump before
  // it with its addresses named instead of numbered, for they differ in every run.
  std::string fatal_error = {};
  std::string dump = {};
};

// The block that a finding is about.
struct FindingBlock {
  Domain domain = Domain::raw;   // that gave it, or through which it was last resized
  std::uint64_t made_event = 0;  // of that
  std::uint64_t bytes = 0;       // requested last
  std::optional<std::uint64_t> freed_event = {};
  SiteNumber site_number = kNoSite;      // where it was asked for last, if the trace tells
  std::optional<std::string> site = {};  // the same in words
};

struct Finding {
  FindingKind kind = FindingKind::wrong_domain;
  bool wrong = false;  // a mistake, not only worth knowing
  std::uint64_t event = 0;
  EventKind call = EventKind::free;
  Domain domain = Domain::raw;             // through which the call was made
  std::uint64_t bytes = 0;                 // requested; of a free 0
  std::uint64_t address = 0;               // unknown_block: what was passed
  std::optional<FindingBlock> block = {};  // unknown_block: that the address lies in, if any
  std::uint64_t offset_bytes = 0;          // unknown_block: of the address in it
  SiteNumber site_number = kNoSite;        // of the event, if it asks for a block
  std::optional<std::string> site = {};    // the same in words
  std::vector<Outcome> outcomes = {};      // of a misuse: one a configuration
};

// The C library's realloc(p, 0), which frees p and returns NULL. Python's domains never do that.
[[nodiscard]] constexpr bool frees_by_realloc(const Operation& operation) noexcept {
  return operation.kind == EventKind::realloc && operation.domain == Domain::libc &&
         operation.size == 0 && operation.failed;
}

// The function a program calls for it: "PyMem_RawFree"; "free" for Domain::libc.
[[nodiscard]] std::string function_name(EventKind call, Domain domain);

}  // namespace pymemlab
