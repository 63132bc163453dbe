#include "core/trace/edits/minimize.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <vector>

#include "core/base/input_error.h"
#include "core/base/minimised.h"
#include "core/os/program.h"
#include "core/trace/edits/event_list.h"

namespace pymemlab {
namespace {

class Minimizer {
 public:
  Minimizer(const std::string& from, const std::string& to, const MinimizeOptions& options,
            const TraceWriterOptions& writing)
      : list_(from, writing), to_(to), options_(options), writing_(writing) {
    writing_.addresses = list_.has_addresses();
    writing_.sites = list_.has_sites();
  }
  MinimizeResult run();

 private:
  using Numbers = std::vector<std::uint32_t>;

  int status_of_command();
  bool fails(Numbers& kept);
  void leave_out_events();
  void leave_out_blocks();
  [[nodiscard]] std::uint64_t runs_left() const noexcept {
    return options_.most_runs - std::min(options_.most_runs, result_.runs);
  }
  void keep_candidate() const;

  EventList list_;
  std::string to_;
  const MinimizeOptions& options_;
  TraceWriterOptions writing_;
  Numbers kept_;
  MinimizeResult result_;
};

// Blocks with all that happens to them go easily once the events that matter are few, and events
// that kept others of their block company can go after those.
MinimizeResult Minimizer::run() {
  kept_.resize(list_.size());
  std::iota(kept_.begin(), kept_.end(), 0u);
  result_.events_before = list_.size();
  Numbers all = kept_;
  list_.write(all, options_.candidate, list_.metadata(), writing_);
  result_.status = status_of_command();
  if (result_.status == 0)
    throw InputError(
        "'{}' ends with status 0 on the whole trace; wanted a command that fails on it",
        options_.command);
  if (result_.status == 126 || result_.status == 127)
    throw InputError("'{}' ends with status {}: there is no such command, or it may not be run",
                     options_.command, result_.status);
  keep_candidate();
  std::size_t before = 0;
  do {
    before = kept_.size();
    leave_out_events();
    leave_out_blocks();
  } while (kept_.size() < before && runs_left() > 0);
  result_.events_after = kept_.size();
  result_.is_smallest = runs_left() > 0;
  if (runs_left() > 0 && !fails(kept_))
    result_.report.losses.push_back(fmt::format(
        "'{}' did not end with status {} again on what was left: it fails only sometimes",
        options_.command, result_.status));
  result_.report.damage = list_.damage();
  TraceMetadata metadata = list_.metadata();
  metadata.extra["minimized"] = {{"events_before", result_.events_before},
                                 {"status", result_.status},
                                 {"is_smallest", result_.is_smallest}};
  list_.write(kept_, to_, std::move(metadata), writing_);
  return result_;
}

void Minimizer::leave_out_events() {
  kept_ = minimised<std::uint32_t>(
      std::move(kept_), [this](Numbers& kept) { return fails(kept); }, runs_left());
}

void Minimizer::leave_out_blocks() {
  Numbers blocks;
  for (const std::uint32_t event : kept_) blocks.push_back(list_.block_of(event));
  std::sort(blocks.begin(), blocks.end());
  blocks.erase(std::unique(blocks.begin(), blocks.end()), blocks.end());
  if (!blocks.empty() && blocks.back() == EventList::kNoBlock) blocks.pop_back();
  minimised<std::uint32_t>(
      std::move(blocks),
      [this](Numbers& some) {
        Numbers kept;
        for (const std::uint32_t event : kept_) {
          const std::uint32_t block = list_.block_of(event);
          if (block == EventList::kNoBlock || std::binary_search(some.begin(), some.end(), block))
            kept.push_back(event);
        }
        if (!fails(kept)) return false;
        kept_ = std::move(kept);
        return true;
      },
      runs_left());
}

bool Minimizer::fails(Numbers& kept) {
  list_.write(kept, options_.candidate, list_.metadata(), writing_);
  if (status_of_command() != result_.status) return false;
  keep_candidate();
  if (options_.progress) options_.progress(kept.size(), result_.runs);
  return true;
}

int Minimizer::status_of_command() {
  ++result_.runs;
  std::string command = "exec >/dev/null\n" + options_.command;
  for (std::size_t at = 0; (at = command.find("{}", at)) != std::string::npos;
       at += options_.candidate.size())
    command.replace(at, 2, options_.candidate);
  return run_quietly({"env", "PYMEMLAB_TRACE=" + options_.candidate, "/bin/sh", "-c", command})
      .code;
}

void Minimizer::keep_candidate() const {
  if (to_ == "-") return;
  const std::string beside = to_ + ".part";
  std::error_code error;
  std::filesystem::copy_file(options_.candidate, beside,
                             std::filesystem::copy_options::overwrite_existing, error);
  if (!error) std::filesystem::rename(beside, to_, error);
  if (error) throw InputError("{}: cannot be written: {}", to_, error.message());
}

}  // namespace

MinimizeResult minimize_trace(const std::string& from, const std::string& to,
                              const MinimizeOptions& options, const TraceWriterOptions& writing) {
  return Minimizer(from, to, options, writing).run();
}

}  // namespace pymemlab
