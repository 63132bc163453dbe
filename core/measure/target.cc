#include "core/measure/target.h"

#include <array>
#include <utility>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

constexpr std::array kPrefixes = {
    std::pair<std::string_view, TargetKind>{"libpython:", TargetKind::libpython},
    std::pair<std::string_view, TargetKind>{"python:", TargetKind::python},
};

}  // namespace

std::string TargetName::text() const {
  for (const auto& [prefix, its_kind] : kPrefixes) {
    if (its_kind == kind) return fmt::format("{}{}", prefix, path);
  }
  return "model";
}

TargetName target_named(std::string_view text) {
  if (text == "model") return {};
  for (const auto& [prefix, kind] : kPrefixes) {
    if (text.starts_with(prefix))
      return {.kind = kind, .path = std::string(text.substr(prefix.size()))};
  }
  throw InputError("no target is named \"{}\": there are model, libpython:PATH and python:PATH",
                   text);
}

}  // namespace pymemlab
