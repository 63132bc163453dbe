// What a trace is replayed against, by name:
//
//   model             ours
//   libpython:PATH    a real CPython's shared library, loaded into a worker
//   python:PATH       a real interpreter (one linked statically, say), which becomes the worker
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pymemlab {

enum class TargetKind : std::uint8_t { model, libpython, python };

struct TargetName {
  TargetKind kind = TargetKind::model;
  std::string path;  // "" for the model

  [[nodiscard]] bool is_real() const noexcept { return kind != TargetKind::model; }
  [[nodiscard]] std::string text() const;
};

// Throws InputError for anything else.
[[nodiscard]] TargetName target_named(std::string_view text);

}  // namespace pymemlab
