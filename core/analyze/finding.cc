#include "core/analyze/finding.h"

#include <fmt/format.h>

namespace pymemlab {
namespace {

// What follows the domain's prefix, in CPython's spelling and in C's.
struct Verb {
  std::string_view python;
  std::string_view c;
};

constexpr Verb verb_of(EventKind call) noexcept {
  switch (call) {
    case EventKind::malloc: return {"Malloc", "malloc"};
    case EventKind::calloc: return {"Calloc", "calloc"};
    case EventKind::free:
    case EventKind::free_unknown: return {"Free", "free"};
    default: return {"Realloc", "realloc"};
  }
}

constexpr std::array<std::string_view, 3> kPrefixes = {"PyMem_Raw", "PyMem_", "PyObject_"};

}  // namespace

std::string function_name(EventKind call, Domain domain) {
  const Verb verb = verb_of(call);
  if (domain == Domain::libc) return std::string(verb.c);
  return fmt::format("{}{}", kPrefixes[index(domain)], verb.python);
}

}  // namespace pymemlab
