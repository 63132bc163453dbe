// What CPython does at a misuse: the verdicts of MisuseReplay.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/analyze/misuse_replay.h"
#include "core/base/check.h"

namespace pymemlab {
namespace {

bool is_realloc(const Operation& operation) noexcept {
  return operation.kind != EventKind::free && operation.kind != EventKind::free_unknown;
}

// As a terminal can show it: dead memory's letter is byte 0xDD.
std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    if ((c >= ' ' && c <= '~') || c == '\n') {
      shown += c;
    } else {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return shown;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// How libc says that it was given what it never gave.
std::string libc_complaint(const Operation& operation) {
  return is_realloc(operation) ? "glibc aborts with \"realloc(): invalid pointer\" or the like"
                               : "glibc aborts with \"free(): invalid pointer\" or the like";
}

Outcome crash(std::string explanation) {
  return {.kind = OutcomeKind::crashes, .explanation = std::move(explanation)};
}

Outcome luck(std::string explanation) {
  return {.kind = OutcomeKind::runs_on, .explanation = std::move(explanation)};
}

Outcome inside_pool(const Operation& operation) {
  return crash(fmt::format("libc gets a pointer into one of pymalloc's pools: {}, or crashes",
                           libc_complaint(operation)));
}

Outcome behind_header(const Operation& operation) {
  return crash(
      fmt::format("libc gets a pointer that is 16 bytes behind what it gave, for the debug hooks' "
                  "header lies before: {}, or crashes",
                  libc_complaint(operation)));
}

}  // namespace

Outcome MisuseReplay::judge(const Finding& finding, const Operation& operation) {
  Outcome outcome;
  if (finding.kind == FindingKind::unknown_block) {
    outcome =
        finding.block ? of_inner_pointer(*finding.block, operation) : of_unknown_block(operation);
  } else if (operation.slot < blocks_.size() && blocks_[operation.slot].pointer != nullptr) {
    const Block& block = blocks_[operation.slot];
    outcome = finding.kind == FindingKind::wrong_domain ? of_wrong_domain(block, operation)
                                                        : of_dead_block(block, operation);
  } else {
    outcome.explanation = "this machine had no memory to act it out";
  }
  outcome.configuration = configuration_.name;
  return outcome;
}

Outcome MisuseReplay::of_wrong_domain(const Block& block, const Operation& operation) {
  if (configuration_.debug) {
    if (operation.domain == Domain::libc) return behind_header(operation);
    if (block.domain == Domain::libc) {
      return bad_header(operation,
                        "what stands before the block is no header of theirs but libc's; CPython "
                        "may crash while it prints the dump");
    }
    const std::optional<DebugFailure> failure = ask_hooks(block.pointer, operation);
    PYMEMLAB_CHECK(failure.has_value());
    return {.kind = OutcomeKind::fatal_error,
            .explanation = "the block's header names another domain",
            .fatal_error = printable(first_line(fatal_error_text(*failure, memory_.profile()))),
            .dump = dump_of(*failure, block)};
  }
  if (memory_.heap() == nullptr) return luck("raw, mem, obj and the C library are one malloc");
  if (is_pymalloc(block.domain) && is_pymalloc(operation.domain))
    return luck("PyMem_ and PyObject_ share one pymalloc");
  if (block.pooled) return inside_pool(operation);
  if (is_pymalloc(block.domain)) {
    return luck(
        "the block is in none of pymalloc's pools, which hold requests of 1 to 512 bytes, but was "
        "passed on to malloc; sys.getallocatedblocks() stays one too high");
  }
  if (is_pymalloc(operation.domain)) {
    return luck(is_realloc(operation)
                    ? "pymalloc passes what is in none of its pools on to realloc()"
                    : "pymalloc passes what is in none of its pools on to free(); "
                      "sys.getallocatedblocks() becomes one too low");
  }
  return luck("PyMem_Raw is malloc");
}

Outcome MisuseReplay::of_dead_block(const Block& block, const Operation& operation) {
  if (configuration_.debug && block.domain != Domain::libc)
    return of_dead_block_under_hooks(block, operation);
  if (configuration_.debug && operation.domain != Domain::libc)
    return bad_header(operation, "what stands before the block is libc's");
  if (block.pooled && !is_pymalloc(operation.domain)) return inside_pool(operation);
  if (block.pooled) {
    if (const Block* other = live_block_at(block.pointer)) {
      return {.kind = OutcomeKind::corrupts,
              .explanation = fmt::format("the place belongs to the block of event {} by now, which "
                                         "this takes away from its owner",
                                         other->made)};
    }
    if (memory_.heap()->owns(block.pointer)) {
      return {.kind = OutcomeKind::corrupts,
              .explanation = "pymalloc does not look: it will hand the block out twice"};
    }
    return crash(
        "its arena is unmapped by now, so pymalloc passes the pointer on to libc, which "
        "aborts or crashes");
  }
  return of_dead_libc_block(block, operation);
}

// The C library's placement is not modelled: whether it gave the place away is known only if it was
// asked for nothing since.
Outcome MisuseReplay::of_dead_libc_block(const Block& block, const Operation& operation) const {
  if (is_realloc(operation)) {
    return {.explanation =
                "realloc() of freed memory: glibc may abort, or resize what it will "
                "give to somebody else"};
  }
  std::string explanation =
      "glibc aborts with \"free(): double free detected in tcache 2\" or the like";
  if (newest_request_ < block.freed) return crash(std::move(explanation));
  return {.explanation = explanation +
                         ", unless it has given the place to somebody else: then "
                         "this takes it away"};
}

Outcome MisuseReplay::of_dead_block_under_hooks(const Block& block, const Operation& operation) {
  if (operation.domain == Domain::libc) return behind_header(operation);
  const auto* base = static_cast<const std::byte*>(block.pointer) - kDebugHeaderBytes;
  if (!block.pooled || !memory_.heap()->owns(base)) {
    Outcome outcome = bad_header(
        operation,
        "the block went back to libc or the kernel, header included; CPython may crash while it "
        "looks at it");
    if (newest_request_ > block.freed) {
      outcome.kind = OutcomeKind::undefined;
      outcome.explanation += ", or see the good header of somebody who has the place by now";
    }
    return outcome;
  }
  const Block* other = live_block_at(block.pointer);
  const std::optional<DebugFailure> failure = ask_hooks(block.pointer, operation);
  if (!failure) {
    return {.kind = OutcomeKind::corrupts,
            .explanation =
                fmt::format("the hooks see a good header: the place belongs to {} by now",
                            other == nullptr ? "another block"
                                             : fmt::format("the block of event {}", other->made))};
  }
  return {.kind = OutcomeKind::fatal_error,
          .explanation =
              other != nullptr
                  ? fmt::format("the place belongs to the block of event {} by now", other->made)
                  : "the first free painted the header; CPython may crash while it "
                    "prints the dump, for the size in it is gone",
          .fatal_error = printable(first_line(fatal_error_text(*failure, memory_.profile())))};
}

Outcome MisuseReplay::of_unknown_block(const Operation& operation) const {
  if (configuration_.debug && operation.domain != Domain::libc) {
    return bad_header(operation,
                      "unless it is a block of this domain from before the trace began, no header "
                      "of theirs stands before it");
  }
  return {.explanation = fmt::format("fine if libc gave the pointer; if not, {}, or crashes",
                                     libc_complaint(operation))};
}

Outcome MisuseReplay::of_inner_pointer(const FindingBlock& inside,
                                       const Operation& operation) const {
  if (configuration_.debug && operation.domain != Domain::libc) {
    return bad_header(operation,
                      "the hooks take what the program wrote before the pointer for their header; "
                      "CPython may crash while it prints the dump");
  }
  const bool pooled = std::any_of(blocks_.begin(), blocks_.end(), [&inside](const Block& block) {
    return block.live && block.pooled && block.made == inside.made_event;
  });
  if (pooled && is_pymalloc(operation.domain)) {
    return {.kind = OutcomeKind::corrupts,
            .explanation =
                "pymalloc takes any address in its pools: it will hand out memory that "
                "overlaps other blocks"};
  }
  return crash(
      fmt::format("libc never gave this pointer: {}, or crashes", libc_complaint(operation)));
}

// The hooks check a block before they refuse a size, and refuse this one without touching it.
std::optional<DebugFailure> MisuseReplay::ask_hooks(const void* pointer,
                                                    const Operation& operation) {
  constexpr std::size_t kRefused = SIZE_MAX / 2;
  failure_.reset();
  void* resized = memory_.realloc(operation.domain, const_cast<void*>(pointer), kRefused);
  PYMEMLAB_CHECK(resized == nullptr);
  if (failure_ && !is_realloc(operation)) failure_->operation = DebugOperation::free;
  return failure_;
}

Outcome MisuseReplay::bad_header(const Operation& operation, std::string explanation) const {
  const std::string message = fmt::format(
      "bad ID: Allocated using API '?', verified using API '{}'", debug_tag(operation.domain));
  return {.kind = OutcomeKind::fatal_error,
          .explanation = std::move(explanation),
          .fatal_error = first_line(fatal_error_text(
              is_realloc(operation) ? "_PyMem_DebugRawRealloc" : "_PyMem_DebugRawFree", message,
              memory_.profile()))};
}

// Nothing for a block that was made smaller than the trace says: the dump would show that.
std::string MisuseReplay::dump_of(const DebugFailure& failure, const Block& block) const {
  if (block.bytes > kLargestBlock) return {};
  std::string dump = debug_dump(failure, memory_.profile());
  const auto* pointer = static_cast<const std::byte*>(block.pointer);
  const auto address = [](const std::byte* at) {
    return fmt::format("={}", static_cast<const void*>(at));
  };
  replace_all(dump, address(pointer + block.bytes), fmt::format("=ADDRESS+{}", block.bytes));
  replace_all(dump, address(pointer), "=ADDRESS");
  return printable(dump);
}

}  // namespace pymemlab
