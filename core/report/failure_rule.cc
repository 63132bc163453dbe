#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "core/base/input_error.h"
#include "core/report/comparison.h"

namespace pymemlab {

FailureRule::FailureRule(const std::string& text) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const std::size_t sign = part.find_first_of("<>");
    const std::string figure = part.substr(0, sign);
    char* rest = nullptr;
    const double percent = sign == part.npos ? 0 : std::strtod(part.c_str() + sign + 1, &rest);
    const bool known = figure == "time" || figure == "peak" || figure == "resident";
    if (!known || sign == part.npos || rest == part.c_str() + sign + 1 ||
        std::string_view(rest) != "%" || !std::isfinite(percent)) {
      throw InputError(
          "--fail-if {}: \"{}\" is no rule: time>+3%, peak>+5% or resident>+10% was wanted", text,
          part);
    }
    limits_.push_back({.figure = figure, .change = percent / 100, .above = part[sign] == '>'});
    begin = end + 1;
  }
}

std::vector<std::string> FailureRule::broken_by(const Comparison& comparison) const {
  std::vector<std::string> sentences;
  auto change_of = [](const ComparedCell& cell,
                      const std::string& figure) -> std::optional<double> {
    if (figure == "time") {
      const bool detected = cell.verdict == Verdict::slower || cell.verdict == Verdict::faster;
      return cell.time && detected ? std::optional(cell.time->ratio - 1) : std::nullopt;
    }
    const auto member =
        figure == "peak" ? &CellFigures::peak_mapped_bytes : &CellFigures::peak_resident_bytes;
    const std::optional<double> now = cell.figures.*member;
    const std::optional<double> then = (*cell.baseline).*member;
    if (!now || !then || *then <= 0) return std::nullopt;
    return *now / *then - 1;
  };
  for (const ComparedTrace& trace : comparison.traces) {
    for (const ComparedCell& cell : trace.cells) {
      if (!cell.baseline) continue;
      for (const Limit& limit : limits_) {
        const std::optional<double> change = change_of(cell, limit.figure);
        if (!change || (limit.above ? *change <= limit.change : *change >= limit.change)) continue;
        sentences.push_back(fmt::format("{}: {} changed by {:+.1f} %, beyond {:+.1f} %", cell.name,
                                        limit.figure, 100 * *change, 100 * limit.change));
      }
    }
  }
  return sentences;
}

}  // namespace pymemlab
