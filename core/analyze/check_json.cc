// The report as `pymemlab check --format json` shows it.
#include <fmt/format.h>

#include "core/analyze/check.h"

namespace pymemlab {
namespace {

using nlohmann::json;

template <typename T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

json block_json(const FindingBlock& block) {
  return {{"domain", name(block.domain)},
          {"made_event", block.made_event},
          {"bytes", block.bytes},
          {"freed_event", or_null(block.freed_event)},
          {"site", or_null(block.site)}};
}

json outcomes_json(const std::vector<Outcome>& outcomes) {
  json rows = json::object();
  for (const Outcome& outcome : outcomes) {
    rows[std::string(outcome.configuration)] = {{"outcome", name(outcome.kind)},
                                                {"explanation", outcome.explanation},
                                                {"fatal_error", outcome.fatal_error},
                                                {"dump", outcome.dump}};
  }
  return rows;
}

json finding_json(const Finding& finding) {
  json row = {{"kind", name(finding.kind)},
              {"wrong", finding.wrong},
              {"event", finding.event},
              {"call", function_name(finding.call, finding.domain)},
              {"domain", name(finding.domain)},
              {"bytes", finding.bytes},
              {"site", or_null(finding.site)},
              {"block", finding.block ? block_json(*finding.block) : json()},
              {"outcomes", outcomes_json(finding.outcomes)}};
  if (finding.kind == FindingKind::unknown_block) {
    row["address"] = fmt::format("{:#x}", finding.address);
    row["offset_bytes"] = finding.offset_bytes;
  }
  return row;
}

json left_json(const CheckReport& report) {
  json by_domain = json::object();
  for (std::size_t domain = 0; domain < kDomains; ++domain) {
    by_domain[std::string(kDomainNames[domain])] = {{"blocks", report.left[domain].blocks},
                                                    {"bytes", report.left[domain].bytes}};
  }
  json groups = json::array();
  for (const LeftBlocks& group : report.left_groups) {
    groups.push_back({{"domain", name(group.domain)},
                      {"bytes_each", group.bytes_each},
                      {"blocks", group.blocks},
                      {"bytes", group.bytes},
                      {"first_event", group.first_event},
                      {"site", or_null(group.site)}});
  }
  const LeftTotal total = report.left_total();
  return {{"blocks", total.blocks},
          {"bytes", total.bytes},
          {"by_domain", by_domain},
          {"groups_found", report.left_groups_found},
          {"groups", groups}};
}

}  // namespace

json to_json(const CheckReport& report) {
  json counts = json::object();
  for (std::size_t kind = 0; kind < kFindingKinds; ++kind) {
    counts[std::string(kFindingKindNames[kind])] = {{"found", report.counts[kind].found},
                                                    {"wrong", report.counts[kind].wrong}};
  }
  json findings = json::array();
  for (const Finding& finding : report.findings) findings.push_back(finding_json(finding));
  return {{"schema", "pymemlab.check"},
          {"schema_version", 1},
          {"path", report.path},
          {"digest", report.digest},
          {"profile", report.profile},
          {"events", report.events},
          {"wrong", report.wrong()},
          {"counts", counts},
          {"findings", findings},
          {"left", left_json(report)},
          {"damage", or_null(report.damage)}};
}

}  // namespace pymemlab
