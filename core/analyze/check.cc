#include "core/analyze/check.h"

#include <algorithm>

#include "core/analyze/block_book.h"
#include "core/analyze/inner_pointers.h"
#include "core/analyze/misuse_replay.h"
#include "core/pymem/configuration.h"
#include "core/replay/recorded_geometry.h"
#include "core/trace/approximate.h"
#include "core/trace/trace_reader.h"

namespace pymemlab {
namespace {

constexpr std::string_view kProfileOfNoPython = "3.13";
// Each misuse is judged under these, in this order.
constexpr std::array<std::string_view, 4> kJudges = {"malloc", "pymalloc", "malloc_debug",
                                                     "pymalloc_debug"};

struct Behaviour {
  const Profile* profile;
  Geometry geometry;
};

Behaviour behaviour(const TraceMetadata& metadata, const std::string& name) {
  if (!name.empty()) return {&profile_named(name), profile_named(name).geometry};
  const Profile& profile = metadata.python ? profile_of_version(metadata.python->version)
                                           : profile_named(kProfileOfNoPython);
  return {&profile, recorded_geometry(profile, metadata.python)};
}

// Appends an outcome to every misuse among the findings.
void judge(const std::string& path, const Behaviour& behaviour, const Configuration& configuration,
           std::vector<Finding>& findings) {
  auto finding = findings.begin();
  const auto skip_others = [&] {
    finding =
        std::find_if(finding, findings.end(), [](const Finding& f) { return is_misuse(f.kind); });
  };
  skip_others();
  if (finding == findings.end()) return;
  MisuseReplay replay(*behaviour.profile, behaviour.geometry, configuration);
  TraceReader trace = TraceReader::open(path, {.sites = true, .ahead = true});
  if (trace.has_sites()) replay.know_sites(trace.sites());
  EventBatch batch;
  Operation operation;
  while (finding != findings.end() && trace.next(batch)) {
    OperationCursor cursor(batch);
    for (std::uint64_t number = batch.first; cursor.next(operation); ++number) {
      while (finding != findings.end() && finding->event == number) {
        finding->outcomes.push_back(replay.judge(*finding, operation));
        ++finding;
        skip_others();
      }
      if (finding == findings.end()) return;
      replay.step(number, operation);
    }
  }
}

BlockBook::Unseen unseen_blocks(const TraceMetadata& metadata) {
  if (metadata.source != "record") return BlockBook::Unseen::none;
  return lacks(metadata, kUnknownStart) || lacks(metadata, kUnknownPauses) ? BlockBook::Unseen::any
                                                                           : BlockBook::Unseen::raw;
}

// An address inside a block is no block from before a recording, whatever the domain.
void convict_inner_pointers(CheckReport& report) {
  for (Finding& finding : report.findings) {
    if (finding.kind != FindingKind::unknown_block || !finding.block || finding.wrong) continue;
    finding.wrong = true;
    ++report.counts[index(finding.kind)].wrong;
  }
}

// In words, where they are known.
void tell_sites(const SiteTable& sites, CheckReport& report) {
  const auto tell = [&](auto& what) {
    if (what.site_number != kNoSite) what.site = site_text(sites, what.site_number);
  };
  for (Finding& finding : report.findings) {
    tell(finding);
    if (finding.block) tell(*finding.block);
  }
  for (LeftBlocks& group : report.left_groups) tell(group);
}

}  // namespace

CheckReport check_trace(const std::string& path, const CheckOptions& options) {
  TraceReader trace = TraceReader::open(path, {.sites = true, .ahead = true});
  const Behaviour judged_by = behaviour(trace.metadata(), options.profile);
  const BlockBook::Unseen unseen = unseen_blocks(trace.metadata());
  BlockBook book(unseen, options.limit);
  CheckReport report{.path = path, .profile = std::string(judged_by.profile->name)};
  EventBatch batch;
  Operation operation;
  while (trace.next(batch)) {
    OperationCursor cursor(batch);
    for (std::uint64_t number = batch.first; cursor.next(operation); ++number)
      book.take(number, operation);
    report.events = batch.first + batch.events.size();
  }
  book.finish(report);
  report.digest = trace.digest();
  report.damage = trace.damage();
  find_inner_pointers(path, report.findings);
  if (unseen != BlockBook::Unseen::any) convict_inner_pointers(report);
  for (const std::string_view configuration : kJudges) {
    judge(path, judged_by, configuration_for(configuration, *judged_by.profile), report.findings);
  }
  tell_sites(trace.sites(), report);
  return report;
}

std::uint64_t CheckReport::wrong() const noexcept {
  std::uint64_t wrong = 0;
  for (const FindingCount& count : counts) wrong += count.wrong;
  return wrong;
}

LeftTotal CheckReport::left_total() const noexcept {
  LeftTotal total;
  for (const LeftTotal& domain : left) {
    total.blocks += domain.blocks;
    total.bytes += domain.bytes;
  }
  return total;
}

}  // namespace pymemlab
