// pymemlab check TRACE: what the recorded program did wrong with its memory, and what each
// PYTHONMALLOC makes of it.
#include "core/analyze/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/counts.h"
#include "core/trace/format.h"
#include "tools/number_within.h"
#include "tools/subcommand.h"
#include "tools/temporary_folder.h"

namespace pymemlab {
namespace {

struct CheckCommand {
  std::string trace;
  std::string from;
  std::string format = "text";
  bool leaks = false;
  CheckOptions options;
};

std::string at_site(const std::optional<std::string>& site) {
  return site ? fmt::format(" ({})", *site) : "";
}

// "PyMem_RawFree of a block of domain mem"
std::string headline(const Finding& finding) {
  const std::string call = function_name(finding.call, finding.domain);
  switch (finding.kind) {
    case FindingKind::wrong_domain:
      return fmt::format("{} of a block of domain {}", call, name(finding.block->domain));
    case FindingKind::dead_block:
      return fmt::format("{} of a block that was freed at event {}", call,
                         *finding.block->freed_event);
    case FindingKind::unknown_block:
      return fmt::format("{} of {:#x}, {}", call, finding.address,
                         finding.block
                             ? counted(finding.offset_bytes, "byte") + " into the block below"
                             : "where the trace knows no block");
    case FindingKind::zero_size: return call;
    case FindingKind::failed: return fmt::format("{} for {}", call, counted(finding.bytes, "byte"));
  }
  return call;
}

void print_indented(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end != at) fmt::print("        {}\n", std::string_view(text).substr(at, end - at));
    at = end + 1;
  }
}

constexpr std::string_view words(OutcomeKind kind) noexcept {
  switch (kind) {
    case OutcomeKind::runs_on: return "runs on";
    case OutcomeKind::corrupts: return "runs on with a damaged heap";
    case OutcomeKind::fatal_error: return "fatal error";
    case OutcomeKind::crashes: return "crashes";
    case OutcomeKind::undefined: return "undefined";
  }
  return {};
}

bool same(const Outcome& a, const Outcome& b) {
  return a.kind == b.kind && a.explanation == b.explanation && a.fatal_error == b.fatal_error;
}

// Neighbours with one outcome share a paragraph.
void print_outcomes(const std::vector<Outcome>& outcomes) {
  for (std::size_t i = 0; i < outcomes.size();) {
    const Outcome& outcome = outcomes[i];
    std::string configurations(outcome.configuration);
    while (++i < outcomes.size() && same(outcomes[i], outcome))
      configurations += fmt::format(", {}", outcomes[i].configuration);
    fmt::print("    {}: {}: {}\n", configurations, words(outcome.kind), outcome.explanation);
    if (!outcome.fatal_error.empty()) print_indented(outcome.fatal_error);
  }
  // The dumps under both debug configurations are the same but for the block's number.
  if (!outcomes.empty() && !outcomes.back().dump.empty()) {
    fmt::print("    {} prints before that:\n", outcomes.back().configuration);
    print_indented(outcomes.back().dump);
  }
}

void print_mistake(const Finding& finding) {
  fmt::print("event {}{}: {}\n", finding.event, at_site(finding.site), headline(finding));
  if (finding.block) {
    fmt::print("    block: {}, domain {}, from event {}{}\n", counted(finding.block->bytes, "byte"),
               name(finding.block->domain), finding.block->made_event,
               at_site(finding.block->site));
  }
  print_outcomes(finding.outcomes);
}

// Findings of one kind in a line: how many, and, of those that are no mistakes, the first few.
void print_count(const CheckReport& report, FindingKind kind, std::string_view nouns) {
  constexpr std::size_t kMostNamed = 3;
  const FindingCount& count = report.counts[index(kind)];
  if (count.found == 0) return;
  fmt::print("{}: {}", nouns, count.found);
  std::uint64_t wrong_shown = 0;
  std::vector<std::string> named;
  for (const Finding& finding : report.findings) {
    if (finding.kind != kind) continue;
    wrong_shown += finding.wrong ? 1 : 0;
    if (!finding.wrong && named.size() < kMostNamed)
      named.push_back(
          fmt::format("event {}{}, {}", finding.event, at_site(finding.site), headline(finding)));
  }
  if (count.wrong < count.found)
    fmt::print(", {} wrong", count.wrong == 0 ? "not" : fmt::format("{} of them", count.wrong));
  if (wrong_shown < count.wrong)
    fmt::print("; {} of the mistakes shown, --limit shows more", wrong_shown);
  if (!named.empty()) fmt::print("; first: {}", fmt::join(named, "; "));
  fmt::print("\n");
}

void print_left(const CheckReport& report) {
  const LeftTotal total = report.left_total();
  if (total.blocks == 0) {
    fmt::print("never freed: nothing\n");
    return;
  }
  std::vector<std::string> domains;
  for (std::size_t domain = 0; domain < kDomains; ++domain) {
    const LeftTotal& left = report.left[domain];
    if (left.blocks != 0) {
      domains.push_back(fmt::format("{} {} in {}", kDomainNames[domain],
                                    counted(left.bytes, "byte"), counted(left.blocks, "block")));
    }
  }
  fmt::print("never freed: {} in {}: {}\n", counted(total.bytes, "byte"),
             counted(total.blocks, "block"), fmt::join(domains, "; "));
  fmt::print("    {:>14} {:>10} {:>14}  {:<6} {:>12}\n", "bytes", "blocks", "bytes each", "domain",
             "first event");
  for (const LeftBlocks& group : report.left_groups) {
    fmt::print("    {:>14} {:>10} {:>14}  {:<6} {:>12}{}\n", group.bytes, group.blocks,
               group.bytes_each, name(group.domain), group.first_event, at_site(group.site));
  }
  if (report.left_groups_found > report.left_groups.size()) {
    fmt::print("    and {}; --limit shows more\n",
               counted(report.left_groups_found - report.left_groups.size(), "smaller group"));
  }
}

void print_report(const CheckReport& report, bool leaks_are_wrong) {
  fmt::print("{}: {}, judged as CPython {}\n", report.path, counted(report.events, "event"),
             report.profile);
  for (const Finding& finding : report.findings)
    if (finding.wrong) print_mistake(finding);
  print_count(report, FindingKind::wrong_domain, "calls through a wrong domain");
  print_count(report, FindingKind::dead_block, "calls on freed blocks");
  print_count(report, FindingKind::unknown_block, "calls on unknown blocks");
  print_count(report, FindingKind::zero_size, "requests for 0 bytes");
  print_count(report, FindingKind::failed, "failed requests");
  print_left(report);
  const std::uint64_t leaks = leaks_are_wrong ? report.left_total().blocks : 0;
  if (report.wrong() + leaks == 0) {
    fmt::print("nothing is wrong\n");
  } else {
    fmt::print("wrong: {}{}\n", counted(report.wrong(), "call"),
               leaks_are_wrong ? fmt::format(", {}", counted(leaks, "leaked block")) : "");
  }
}

// What is no trace file, or a pipe, becomes one first: check reads its trace more than once.
CheckReport checked(const CheckCommand& command) {
  const TraceFormat& ours = trace_format_named("pmtrace");
  const TraceFormat* format =
      !command.from.empty() ? &trace_format_named(command.from) : trace_format_of(command.trace);
  if (format == nullptr) format = &ours;
  if (format == &ours && command.trace != "-") return check_trace(command.trace, command.options);
  const TemporaryFolder folder;
  const std::string trace = folder.file("trace.pmtrace");
  const ConversionReport conversion =
      format->import_file(command.trace, trace, {.addresses = true});
  CheckReport report = check_trace(trace, command.options);
  report.path = command.trace;
  if (conversion.damage) report.damage = conversion.damage;
  return report;
}

int run_check(const CheckCommand& command) {
  const CheckReport report = checked(command);
  if (report.damage) fmt::print(stderr, "pymemlab: warning: {}\n", *report.damage);
  if (command.format == "json") {
    fmt::print("{}\n",
               to_json(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    print_report(report, command.leaks);
  }
  const bool leaked = command.leaks && report.left_total().blocks != 0;
  return report.wrong() != 0 || leaked ? kAnswerIsNo : kDone;
}

}  // namespace

std::function<int()> declare_check(CLI::App& app) {
  const auto command = std::make_shared<CheckCommand>();
  app.add_option("TRACE", command->trace,
                 "a trace, or a file that `pymemlab convert` reads; '-' is standard input")
      ->required();
  app.add_option("--from", command->from, "TRACE's format, if its name does not say it");
  app.add_option("--profile", command->options.profile,
                 "judge as this version of CPython, not as the recorded one")
      ->type_name("VERSION");
  app.add_option("--limit", command->options.limit,
                 "findings shown of each kind, and groups of blocks; all are counted")
      ->check(number_from(0))
      ->capture_default_str();
  app.add_flag("--leaks", command->leaks,
               "blocks that are never freed are wrong, not only worth knowing");
  app.add_option("--format", command->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.footer(
      "Exit status: 0 if nothing is wrong, 1 if something is, 2 if it could not run.\n"
      "Example:\n"
      "  pymemlab record -o app.pmtrace -- python3 app.py\n"
      "  pymemlab check app.pmtrace");
  return [command] { return run_check(*command); };
}

}  // namespace pymemlab
