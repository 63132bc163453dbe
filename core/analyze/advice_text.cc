// The advice as text for people and as JSON for tools.
#include <fmt/format.h>

#include <array>

#include "core/analyze/advice.h"

namespace pymemlab {
namespace {

using Json = nlohmann::ordered_json;

// One row a heading: the topics below it, in reading order.
struct Heading {
  std::string_view text;
  Topic first;
  Topic last;
};
constexpr std::array kHeadings = {
    Heading{"What to set", Topic::set, Topic::set},
    Heading{"What it gains and costs", Topic::memory, Topic::debug},
    Heading{"Where the memory goes", Topic::where, Topic::lines},
    Heading{"What keeps arenas mapped", Topic::pinned, Topic::pinned},
    Heading{"What no setting will fix", Topic::limits, Topic::limits},
    Heading{"What to know about these figures", Topic::caution, Topic::caution},
};

// Breaks at spaces, so that a line has at most 96 characters if its words allow.
std::string wrapped(const std::string& text) {
  constexpr std::size_t kWidth = 96;
  std::string out;
  std::size_t begin = 0;
  while (text.size() - begin > kWidth) {
    std::size_t end = text.rfind(' ', begin + kWidth);
    if (end == std::string::npos || end <= begin) end = text.find(' ', begin);
    if (end == std::string::npos) break;
    out += fmt::format("  {}\n", text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out + fmt::format("  {}\n", text.substr(begin));
}

Json cell_json(const SettingFigures& cell) {
  return {{"configuration", cell.configuration},
          {"ns_per_request", cell.ns_per_request == 0 ? Json(nullptr) : Json(cell.ns_per_request)},
          {"peak_resident_bytes", cell.peak_resident_bytes},
          {"peak_mapped_bytes", cell.peak.mapped_bytes},
          {"live_bytes_at_peak", cell.peak.live_bytes},
          {"void_reason", cell.void_reason.empty() ? Json(nullptr) : Json(cell.void_reason)}};
}

Json compared_json(const ComparedSetting& cell) {
  Json json = cell_json(cell.figures);
  json["time_ratio"] = nullptr;
  if (cell.time) {
    json["time_ratio"] = {{"median", cell.time->median},
                          {"interval", {cell.time->low, cell.time->high}},
                          {"coverage", cell.time->coverage}};
  }
  return json;
}

Json other_json(const OtherMalloc& other) {
  Json json = {{"allocator", other.allocator}, {"environment", other.environment}};
  json.update(compared_json(other.cell));
  return json;
}

Json group_json(const PinningGroup& group) {
  return {{"block_bytes", group.block_bytes},
          {"site", group.site.empty() ? Json(nullptr) : Json(group.site)},
          {"blocks", group.blocks},
          {"requested_bytes", group.requested_bytes},
          {"first_event", group.first_event},
          {"last_event", group.last_event},
          {"first_epoch", group.first_epoch},
          {"last_epoch", group.last_epoch},
          {"arenas", group.arenas},
          {"arenas_alone", group.arenas_alone},
          {"returned_bytes", group.returned_bytes}};
}

Json pinning_json(const ArenaPinning& pinning) {
  Json sparse = Json::array();
  for (const SparseArenas& row : pinning.sparse)
    sparse.push_back(
        {{"below_percent", row.percent}, {"arenas", row.arenas}, {"blocks", row.blocks}});
  Json groups = Json::array();
  for (const PinningGroup& group : pinning.groups) groups.push_back(group_json(group));
  return {{"event", pinning.event},
          {"moment", pinning.moment},
          {"arena_bytes", pinning.arena_bytes},
          {"arenas", pinning.arenas},
          {"mapped_bytes", pinning.mapped_bytes},
          {"live_blocks", pinning.live_blocks},
          {"live_bytes", pinning.live_bytes},
          {"sparse", std::move(sparse)},
          {"epochs", kEpochs},
          {"groups_found", pinning.groups_found},
          {"groups", std::move(groups)}};
}

}  // namespace

std::string advice_text(const AdviceInput& input, const Advice& advice) {
  std::string text =
      fmt::format("{}{}: {} requests, modelled as CPython {}\n", input.program,
                  input.python.empty() ? "" : fmt::format(", CPython {}", input.python),
                  input.requests, input.profile);
  for (const Heading& heading : kHeadings) {
    std::string body;
    for (const Sentence& sentence : advice.sentences)
      if (sentence.topic >= heading.first && sentence.topic <= heading.last)
        body += wrapped(sentence.text);
    if (body.empty()) continue;
    text += fmt::format("\n{}\n{}", heading.text, body);
    if (heading.first != Topic::set || advice.environment.empty()) continue;
    text += '\n';
    for (const std::string& line : advice.environment) text += fmt::format("      {}\n", line);
  }
  return text;
}

nlohmann::ordered_json advice_json(const AdviceInput& input, const Advice& advice) {
  Json sentences = Json::array();
  for (const Sentence& sentence : advice.sentences)
    sentences.push_back({{"topic", name(sentence.topic)}, {"text", sentence.text}});
  Json others = Json::array();
  for (const OtherMalloc& other : input.others) others.push_back(other_json(other));
  Json lines = Json::array();
  for (const SiteHolding& line : input.top_sites)
    lines.push_back({{"site", line.site}, {"bytes", line.bytes}, {"blocks", line.blocks}});
  return {{"schema", "pymemlab.advice"},
          {"schema_version", 1},
          {"program", input.program},
          {"python", input.python.empty() ? Json(nullptr) : Json(input.python)},
          {"profile", input.profile},
          {"requests", input.requests},
          {"rounds", input.rounds},
          {"choice", name(advice.choice)},
          {"environment", advice.environment},
          {"sentences", std::move(sentences)},
          {"default", cell_json(input.standard)},
          {"malloc", compared_json(input.malloc)},
          {"others", std::move(others)},
          {"debug", input.debug ? compared_json(*input.debug) : Json(nullptr)},
          {"lines_at_peak", std::move(lines)},
          {"pinning", input.pinning ? pinning_json(*input.pinning) : Json(nullptr)}};
}

}  // namespace pymemlab
