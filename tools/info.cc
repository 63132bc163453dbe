// pymemlab info TRACE: what is in a trace, and where it came from.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/counts.h"
#include "core/base/input_error.h"
#include "core/trace/approximate.h"
#include "core/trace/site_ranking.h"
#include "core/trace/summary.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_validator.h"
#include "tools/number_within.h"
#include "tools/subcommand.h"

namespace pymemlab {
namespace {

struct InfoOptions {
  std::string trace;
  std::string format = "text";
  bool validate = false;
  std::size_t top = 0;  // sites that are asked for
};

constexpr std::size_t kBarWidth = 40;

std::string share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "-";
  return fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

// One line, however long or wide the text: marks may hold whole reports.
std::string shortened(std::string_view text) {
  constexpr std::size_t kMost = 60;
  const std::string_view first = text.substr(0, text.find('\n'));
  if (first.size() == text.size() && text.size() <= kMost) return std::string(text);
  return fmt::format("{}... ({} bytes)", first.substr(0, kMost), text.size());
}

void print_row(std::string_view name, const std::string& value) {
  fmt::print("  {:<24} {}\n", name, value);
}

void print_origin(const TraceMetadata& metadata) {
  print_row("source", metadata.source);
  if (metadata.python) {
    const PythonFacts& python = *metadata.python;
    print_row("python",
              fmt::format("{} {} ({} build)", python.implementation, python.version, python.build));
    if (python.arena_bytes != 0)
      print_row("geometry", fmt::format("alignment {} bytes, pools {} bytes, arenas {} bytes",
                                        grouped(python.alignment), grouped(python.pool_bytes),
                                        grouped(python.arena_bytes)));
    print_row("PYTHONMALLOC", metadata.pythonmalloc.value_or("unset"));
  }
  if (!metadata.command.empty())
    print_row("command", shortened(fmt::format("{}", fmt::join(metadata.command, " "))));
  if (metadata.pid != 0) print_row("process", std::to_string(metadata.pid));
  if (metadata.parent) print_row("parent process", std::to_string(*metadata.parent));
  if (!metadata.started.empty()) print_row("started", metadata.started);
  if (!metadata.platform.empty()) print_row("platform", metadata.platform);
  if (!metadata.columns.empty())
    print_row("optional columns", fmt::format("{}", fmt::join(metadata.columns, ", ")));
  if (!metadata.unknown.empty())
    print_row("not known", fmt::format("{}", fmt::join(metadata.unknown, ", ")));
  if (const auto why = approximation(metadata)) print_row("approximate", *why);
  const auto notes = metadata.extra.find("notes");
  if (notes == metadata.extra.end() || !notes->is_array()) return;
  for (const nlohmann::json& note : *notes)
    if (note.is_string()) print_row("note", note.get<std::string>());
}

void print_events(const TraceSummary& summary) {
  fmt::print("\nEvents by kind and domain\n  {:<16}", "");
  for (const std::string_view domain : kDomainNames) fmt::print(" {:>13}", domain);
  fmt::print(" {:>8}\n", "share");
  for (std::size_t kind = 0; kind < kEventKinds; ++kind) {
    const auto& counts = summary.by_kind[kind];
    std::uint64_t total = 0;
    for (const std::uint64_t count : counts) total += count;
    if (total == 0) continue;
    fmt::print("  {:<16}", kEventKindNames[kind]);
    const bool request = is_request(static_cast<EventKind>(kind));
    for (std::size_t domain = 0; domain < kDomains; ++domain)
      fmt::print(" {:>13}", request || domain == 0 ? grouped(counts[domain]) : "");
    fmt::print(" {:>8}\n", share(total, summary.events));
  }
  print_row("nested", fmt::format("{} (an allocator's own requests)", grouped(summary.nested)));
  print_row("failed", grouped(summary.failed));
}

void print_bar(const std::string& label, std::uint64_t count, std::uint64_t most,
               std::uint64_t total) {
  const auto width = static_cast<std::size_t>(
      std::lround(static_cast<double>(count) / static_cast<double>(most) * kBarWidth));
  fmt::print("  {:>22} {:>13} {:>8}{}{}\n", label, grouped(count), share(count, total),
             width == 0 ? "" : " ", std::string(width, '#'));
}

// The power-of-two bin of 512 .. 1023 bytes, which the small bins share: they have the 512.
constexpr std::size_t kAboveSmall = 10;

std::uint64_t above_small(const TraceSummary& summary) {
  std::uint64_t small = 0;
  for (const std::uint64_t count : summary.sizes_small) small += count;
  std::uint64_t up_to_1023 = 0;
  for (std::size_t i = 0; i <= kAboveSmall; ++i) up_to_1023 += summary.sizes_log2[i];
  return up_to_1023 - small;
}

void print_sizes(const TraceSummary& summary) {
  fmt::print("\nRequested sizes in bytes: {} requests, {} bytes, the largest {}\n",
             grouped(summary.requests), grouped(summary.requested_bytes),
             grouped(summary.largest_request));
  const std::uint64_t most = std::max(
      *std::max_element(summary.sizes_small.begin(), summary.sizes_small.end()),
      *std::max_element(summary.sizes_log2.begin() + kAboveSmall, summary.sizes_log2.end()));
  for (std::size_t i = 0; i < summary.sizes_small.size(); ++i) {
    if (summary.sizes_small[i] == 0) continue;
    const std::string label = i == 0 ? "0" : fmt::format("{} to {}", 16 * i - 15, 16 * i);
    print_bar(label, summary.sizes_small[i], most, summary.requests);
  }
  for (std::size_t i = kAboveSmall; i < summary.sizes_log2.size(); ++i) {
    const std::uint64_t count = i == kAboveSmall ? above_small(summary) : summary.sizes_log2[i];
    if (count == 0) continue;
    const std::uint64_t first = std::uint64_t{1} << (i - 1);
    print_bar(fmt::format("{} to {}", grouped(i == kAboveSmall ? first + 1 : first),
                          grouped(2 * first - 1)),
              count, most, summary.requests);
  }
}

void print_live(const TraceSummary& summary) {
  fmt::print("\nLive\n");
  print_row("peak bytes", fmt::format("{} at event {}", grouped(summary.peak_live_bytes),
                                      grouped(summary.peak_live_bytes_event)));
  print_row("peak blocks", fmt::format("{} at event {}", grouped(summary.peak_live_blocks),
                                       grouped(summary.peak_live_blocks_event)));
  print_row("at the end", fmt::format("{} bytes in {} blocks", grouped(summary.end_live_bytes),
                                      grouped(summary.end_live_blocks)));
  print_row("slots", grouped(summary.slots));
}

void print_lifetimes(const TraceSummary& summary) {
  fmt::print("\nLifetimes in allocations: {} blocks were freed\n", grouped(summary.lifetimes));
  if (summary.lifetimes == 0) return;
  print_row("p50, p90, p99",
            fmt::format("{}, {}, {}", grouped(summary.lifetime_p50), grouped(summary.lifetime_p90),
                        grouped(summary.lifetime_p99)));
  const auto& bins = summary.lifetimes_log2;
  const std::uint64_t most = *std::max_element(bins.begin(), bins.end());
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (bins[i] == 0) continue;
    const std::uint64_t first = std::uint64_t{1} << i;
    const std::string label =
        i == 0 ? "1" : fmt::format("{} to {}", grouped(first), grouped(2 * first - 1));
    print_bar(label, bins[i], most, summary.lifetimes);
  }
}

void print_rest(const TraceSummary& summary) {
  fmt::print("\nArenas, threads, oddities\n");
  print_row("arena requests",
            fmt::format("{} ({} refused), {} released, peak {} bytes",
                        grouped(summary.arena_requests), grouped(summary.arena_refusals),
                        grouped(summary.arena_releases), grouped(summary.arena_bytes_peak)));
  print_row("threads, interpreters",
            fmt::format("{}, {}", grouped(summary.threads), grouped(summary.interpreters)));
  print_row("frees of no block", grouped(summary.null_frees));
  print_row("frees of dead blocks", grouped(summary.dead_frees));
  print_row("reallocs of dead blocks", grouped(summary.dead_reallocs));
  print_row("frees of unknown blocks", grouped(summary.unknown_frees));
  print_row("reallocs of unknown", grouped(summary.unknown_reallocs));
  print_row("domain mix-ups", grouped(summary.domain_mix_ups));
  for (const std::string& mark : summary.marks) print_row("mark", shortened(mark));
}

// The busiest first.
void print_threads(const TraceSummary& summary) {
  constexpr std::size_t kMostRows = 16;
  if (summary.threads < 2) return;
  std::vector<std::size_t> order(summary.by_thread.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return summary.by_thread[a].requests > summary.by_thread[b].requests;
  });
  fmt::print("\nThreads, the busiest first\n  {:>6} {:>13} {:>8} {:>16} {:>13} {:>24}\n", "thread",
             "requests", "share", "bytes", "frees", "of others' blocks");
  for (std::size_t i = 0; i < std::min(order.size(), kMostRows); ++i) {
    const ThreadSummary& thread = summary.by_thread[order[i]];
    fmt::print("  {:>6} {:>13} {:>8} {:>16} {:>13} {:>24}\n", order[i], grouped(thread.requests),
               share(thread.requests, summary.requests), grouped(thread.requested_bytes),
               grouped(thread.frees), grouped(thread.foreign_frees));
  }
  if (order.size() > kMostRows)
    fmt::print("  and {} more, which --json shows\n", order.size() - kMostRows);
}

// Nothing if every part of the file says what it should; otherwise one sentence.
std::optional<std::string> fault_in(TraceReader& trace, const std::string& path, bool validate,
                                    TraceSummary& summary, std::string& checked) {
  if (!validate) {
    summary = summarize(trace);
    return std::nullopt;
  }
  try {
    TraceValidator validator(trace, path);
    summary = summarize(trace, [&](const EventBatch& batch) { validator.check(batch); });
    checked = validator.text();
  } catch (const InputError& error) {
    return error.what();
  }
  return summary.damage;
}

void print_sites(const SiteRanking& ranking, std::size_t top) {
  fmt::print("\nSites by what they hold at the peak: {} bytes at event {}\n",
             grouped(ranking.peak_bytes), grouped(ranking.peak_event));
  fmt::print("  {:>14} {:>8} {:>11} {:>14} {:>16} {:>12}  {}\n", "bytes", "share", "blocks",
             "bytes at end", "requested", "requests", "line");
  SiteUse rest;
  std::size_t others = 0;
  for (std::size_t i = 0; i < ranking.uses.size(); ++i) {
    const SiteUse& use = ranking.uses[i];
    if (i < top) {
      fmt::print("  {:>14} {:>8} {:>11} {:>14} {:>16} {:>12}  {}\n", grouped(use.peak_bytes),
                 share(use.peak_bytes, ranking.peak_bytes), grouped(use.peak_blocks),
                 grouped(use.end_bytes), grouped(use.bytes), grouped(use.requests),
                 site_text(ranking.sites, use.site));
      continue;
    }
    ++others;
    rest.peak_bytes += use.peak_bytes;
    rest.peak_blocks += use.peak_blocks;
    rest.end_bytes += use.end_bytes;
    rest.bytes += use.bytes;
    rest.requests += use.requests;
  }
  if (others == 0) return;
  fmt::print("  {:>14} {:>8} {:>11} {:>14} {:>16} {:>12}  ({} other sites)\n",
             grouped(rest.peak_bytes), share(rest.peak_bytes, ranking.peak_bytes),
             grouped(rest.peak_blocks), grouped(rest.end_bytes), grouped(rest.bytes),
             grouped(rest.requests), grouped(others));
}

int run_info(const InfoOptions& options) {
  TraceReader trace = TraceReader::open(
      options.trace, {.addresses = options.validate, .sites = options.validate, .ahead = true});
  TraceSummary summary;
  std::string checked;
  const std::optional<std::string> fault =
      fault_in(trace, options.trace, options.validate, summary, checked);
  if (fault && !summary.damage) {
    fmt::print(stderr, "pymemlab: {}\n", *fault);
    return kAnswerIsNo;
  }
  if (summary.damage) fmt::print(stderr, "pymemlab: warning: {}\n", *summary.damage);
  std::optional<SiteRanking> ranking;
  if (options.top != 0) ranking = rank_sites(options.trace, summary.peak_live_bytes_event);
  if (options.format == "json") {
    nlohmann::json document = {{"path", trace.path()},
                               {"metadata", to_json(trace.metadata())},
                               {"summary", to_json(summary)}};
    if (options.validate) document["validated"] = checked;
    if (ranking) document["sites"] = to_json(*ranking, options.top);
    if (const auto why = approximation(trace.metadata())) document["approximate"] = *why;
    fmt::print("{}\n", document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}\n", trace.path());
    print_origin(trace.metadata());
    print_row("events", grouped(summary.events));
    print_row("digest", summary.digest);
    if (options.validate) print_row("validated", checked);
    if (ranking) {
      print_sites(*ranking, options.top);
      return fault ? kAnswerIsNo : kDone;
    }
    print_events(summary);
    print_sizes(summary);
    print_live(summary);
    print_lifetimes(summary);
    print_threads(summary);
    print_rest(summary);
  }
  return fault ? kAnswerIsNo : kDone;
}

}  // namespace

std::function<int()> declare_info(CLI::App& app) {
  const auto options = std::make_shared<InfoOptions>();
  app.add_option("TRACE", options->trace, "the trace file; '-' is standard input")->required();
  app.add_option("--format", options->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_flag_callback(
      "--json", [options] { options->format = "json"; }, "as --format json");
  app.add_flag(
         "--top{10}", options->top,
         "instead of the report, the N lines of Python (with =) that hold most at the peak, of a "
         "trace that was recorded with --sites")
      ->type_name("[=N]")
      ->check(number_within<std::uint64_t>(1, 1000000, "1 to 1000000"));
  app.add_flag(
      "--validate", options->validate,
      "decode every column, hold slots, key chunks and totals against what is live, and exit "
      "1 if any part of the file is damaged");
  return [options] { return run_info(*options); };
}

}  // namespace pymemlab
