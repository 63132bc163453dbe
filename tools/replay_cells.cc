#include "tools/replay_cells.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "core/base/counts.h"
#include "core/base/input_error.h"
#include "core/measure/target.h"
#include "core/pymem/configuration.h"
#include "core/pymem/mimalloc_engine.h"
#include "core/pymem/profile.h"
#include "core/record/interpreters.h"
#include "core/replay/recorded_geometry.h"

namespace pymemlab {
namespace {

// The version whose behaviour is modelled when a trace does not say which Python it came from.
constexpr const char* kDefaultProfile = "3.13";

constexpr std::string_view kAll = "all";

const std::vector<PythonInterpreter>& found_interpreters() {
  static const std::vector<PythonInterpreter> found = find_interpreters().all;
  return found;
}

// A target that has said what it is.
struct Target {
  std::string name = {};     // "model", "libpython:/usr/lib/libpython3.11.so.1.0"
  std::string version = {};  // of a real CPython
  const Profile* profile = nullptr;
  Geometry geometry{};
  bool offers_mimalloc = false;
};

bool offers_mimalloc(const std::string& name, const RunOptions& options) {
  try {
    static_cast<void>(probe(name, {}, "mimalloc", options));
    return true;
  } catch (const InputError&) {
    return false;  // built without it
  }
}

Target real_target(const std::string& name, const RunOptions& options) {
  const Probe answer = probe(name, {}, "pymalloc", options);
  const Profile& profile = profile_of_version(answer.target_version);
  Geometry geometry = profile.geometry;
  geometry.alignment = answer.alignment;  // distributions patch theirs
  return {.name = name,
          .version = answer.target_version,
          .profile = &profile,
          .geometry = geometry,
          .offers_mimalloc = profile.knows_mimalloc && offers_mimalloc(name, options)};
}

// A library that cannot be preloaded, and a setting that it drops, would be measured in silence.
SystemMalloc system_malloc(const std::string& text, const RunOptions& options) {
  if (text.starts_with(fmt::format("{}:", kAll)))
    throw InputError("--system-malloc {}: settings are one allocator's; name it instead of all",
                     text);
  SystemMalloc malloc = system_malloc_called(text);
  if (malloc.environment.empty() && malloc.library != malloc.name) return malloc;
  const Probe answer = probe("model", outspoken(malloc), "malloc", options);
  if (const auto why = refused_setting(malloc, answer.said))
    throw InputError("--system-malloc {}: {}", text, *why);
  return malloc;
}

// "libpython:all", "python:3.11.7" and "python:3.11", which is every 3.11, name interpreters that
// are looked for; paths name themselves.
std::vector<std::string> target_names(const std::string& text) {
  const TargetName target = target_named(text);
  if (!target.is_real() || target.path.find('/') != target.path.npos) return {text};
  std::vector<std::string> names;
  std::vector<std::string> versions;
  for (const PythonInterpreter& python : found_interpreters()) {
    const bool is_library = target.kind == TargetKind::libpython;
    const std::string& path = is_library ? python.shared_library : python.path;
    if (path.empty()) continue;
    versions.push_back(python.version);
    const bool is_meant = target.path == kAll || target.path == python.version ||
                          python.version.starts_with(target.path + '.');
    if (!is_meant) continue;
    const std::string name = TargetName{.kind = target.kind, .path = path}.text();
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  if (names.empty()) {
    throw InputError(
        "{}: this machine has {}; a path, one of those versions or \"all\" was wanted", text,
        versions.empty() ? "no such CPython" : fmt::format("{}", fmt::join(versions, ", ")));
  }
  return names;
}

class Planner {
 public:
  Planner(const CellAxes& axes, const std::vector<MeasuredTrace>& traces, const RunOptions& options)
      : axes_(axes), traces_(traces), options_(options), build_(build_named(axes.build)) {}

  PlannedCells plan() {
    find_targets();
    find_mallocs();
    for (std::size_t t = 0; t < traces_.size(); ++t) {
      for (const SystemMalloc& malloc : mallocs_) {
        for (const Target& target : targets_) {
          for (const Target& version : versions_of(target, traces_[t])) add(t, version, malloc);
        }
      }
    }
    if (planned_.cells.empty()) throw InputError("nothing is left to measure: {}", reasons());
    for (const auto& [reason, count] : left_out_)
      planned_.left_out.push_back(fmt::format("{} ({})", reason, counted(count, "cell")));
    return std::move(planned_);
  }

 private:
  void find_targets() {
    for (const std::string& text : axes_.targets) {
      for (const std::string& name : target_names(text)) {
        if (name == "model") {
          targets_.push_back({.name = name});
          continue;
        }
        try {
          targets_.push_back(real_target(name, options_));
        } catch (const InputError& error) {
          if (!text.ends_with(kAll)) throw;
          planned_.left_out.emplace_back(error.what());
        }
      }
    }
  }

  void find_mallocs() {
    for (const std::string& text : axes_.system_mallocs) {
      if (text != kAll) {
        mallocs_.push_back(system_malloc(text, options_));
        continue;
      }
      for (const KnownMalloc& known : known_mallocs()) {
        if (known.library) {
          mallocs_.push_back(system_malloc_called(std::string(known.name)));
        } else {
          planned_.left_out.push_back(fmt::format(
              "{}: it is not on this machine; the package {} has it", known.name, known.package));
        }
      }
    }
  }

  // The model has every profile that was asked for; a real CPython has its own.
  [[nodiscard]] std::vector<Target> versions_of(const Target& target,
                                                const MeasuredTrace& trace) const {
    if (target.profile != nullptr) return {target};
    std::vector<Target> versions;
    auto add_version = [&](const Profile& profile, const Geometry& geometry) {
      versions.push_back({.name = target.name,
                          .version = {},
                          .profile = &profile,
                          .geometry = geometry,
                          .offers_mimalloc = profile.knows_mimalloc});
    };
    for (const std::string& name : axes_.profiles) {
      if (name == kAll) {
        for (const Profile& profile : profiles()) add_version(profile, profile.geometry);
      } else {
        add_version(profile_named(name), profile_named(name).geometry);
      }
    }
    if (!axes_.profiles.empty()) return versions;
    const std::optional<PythonFacts>& python = trace.metadata.python;
    const Profile& profile =
        python ? profile_of_version(python->version) : profile_named(kDefaultProfile);
    add_version(profile, recorded_geometry(profile, python));
    return versions;
  }

  [[nodiscard]] std::vector<std::string> configurations_for(const Target& target) const {
    std::vector<std::string> names;
    for (const std::string& name : axes_.configurations) {
      if (name != kAll) {
        names.push_back(name);
        continue;
      }
      for (const Configuration& configuration : all_configurations()) {
        if (configuration.mem_and_obj == Base::mimalloc && !target.offers_mimalloc) continue;
        if (configuration.mem_and_obj == Base::pymalloc && !build_.pymalloc) continue;
        names.emplace_back(configuration.name);
      }
    }
    return names;
  }

  void add(std::size_t trace, const Target& target, const SystemMalloc& malloc) {
    const bool is_real = target.name != "model";
    const Build build = is_real ? Build{} : build_;
    for (const std::string& name : configurations_for(target)) {
      const Configuration* configuration = find_configuration(name, target, build);
      if (configuration == nullptr) continue;
      if (configuration->mem_and_obj == Base::mimalloc && !is_real &&
          malloc.allocator() == "mimalloc") {
        leave_out(
            "under the system malloc mimalloc, the model's mimalloc configurations would be served "
            "by the same library as their raw blocks");
        continue;
      }
      if (!is_new(trace, target, *configuration, malloc)) continue;
      planned_.cells.push_back({.trace = trace,
                                .target = target.name,
                                .target_version = target.version,
                                .configuration = std::string(configuration->name),
                                .build = std::string(::pymemlab::name(build)),
                                .profile = std::string(target.profile->name),
                                .geometry = target.geometry,
                                .system_malloc = malloc,
                                .residue = residue_for(traces_[trace], target.geometry),
                                .touch = axes_.touch});
    }
  }

  // Nothing for a name that this version does not know and another of the run does.
  const Configuration* find_configuration(const std::string& name, const Target& target,
                                          Build build) {
    try {
      const Configuration& found = configuration_for(name, *target.profile, build);
      if (found.mem_and_obj != Base::mimalloc || target.offers_mimalloc) return &found;
      leave_out(fmt::format("{} has no mimalloc", target.name));
    } catch (const InputError&) {
      const bool known_to_others =
          std::any_of(profiles().begin(), profiles().end(), [&](const Profile& profile) {
            try {
              return configuration_for(name, profile, build).name == name;
            } catch (const InputError&) {
              return false;
            }
          });
      const bool has_others = axes_.profiles.size() > 1 || targets_.size() > 1 ||
                              traces_.size() > 1 ||
                              std::count(axes_.profiles.begin(), axes_.profiles.end(), kAll) != 0;
      if (!known_to_others || !has_others) throw;
      leave_out(fmt::format("CPython {} has no configuration {}", target.profile->name, name));
    }
    return nullptr;
  }

  // Two names of one configuration, and libc alone under several profiles, are one cell.
  bool is_new(std::size_t trace, const Target& target, const Configuration& configuration,
              const SystemMalloc& malloc) {
    const bool is_libc_alone =
        target.name == "model" && configuration.mem_and_obj == Base::libc && !configuration.debug;
    const std::string version =
        is_libc_alone ? "" : fmt::format("{}/{}", target.profile->name, target.geometry.alignment);
    const bool inserted =
        seen_.insert({trace, target.name, std::string(configuration.name), version, malloc.name})
            .second;
    if (inserted) return true;
    leave_out(is_libc_alone && axes_.profiles.size() != 1
                  ? "the model's configuration malloc is the same under every profile"
                  : fmt::format("{} was asked for twice", configuration.name));
    return false;
  }

  [[nodiscard]] ArenaResidue residue_for(const MeasuredTrace& trace,
                                         const Geometry& geometry) const {
    const bool recorded = !trace.arena_bases(geometry.arena_bytes).empty();
    if (axes_.arena_residue.empty()) {
      if (recorded) return {.policy = ArenaResidue::Policy::recorded};
      return {.policy = ArenaResidue::Policy::random, .seed = axes_.seed};
    }
    const ArenaResidue residue = ArenaResidue::parse(axes_.arena_residue);
    if (residue.policy == ArenaResidue::Policy::recorded && !recorded) {
      throw InputError(
          "{}: has no recorded arenas of {} bytes: use --arena-residue aligned or random:SEED",
          trace.path, geometry.arena_bytes);
    }
    return residue;
  }

  void leave_out(const std::string& reason) { ++left_out_[reason]; }
  [[nodiscard]] std::string reasons() const {
    std::vector<std::string> all = planned_.left_out;
    for (const auto& [reason, count] : left_out_) all.push_back(reason);
    return fmt::format("{}", fmt::join(all, "; "));
  }

  const CellAxes& axes_;
  const std::vector<MeasuredTrace>& traces_;
  const RunOptions& options_;
  Build build_;
  std::vector<Target> targets_;
  std::vector<SystemMalloc> mallocs_;
  std::set<std::tuple<std::size_t, std::string, std::string, std::string, std::string>> seen_;
  std::map<std::string, std::size_t> left_out_;
  PlannedCells planned_;
};

std::string offered_mallocs(const RunOptions& options) {
  std::string text;
  for (const KnownMalloc& known : known_mallocs()) {
    if (!known.library) {
      text += fmt::format("  {:<10} not here: the package {} has it\n", known.name, known.package);
      continue;
    }
    const MallocIdentity malloc =
        probe("model", system_malloc_called(std::string(known.name)), "malloc", options).malloc;
    text += fmt::format("  {:<10} {:<9} {}\n", known.name, malloc.version, malloc.path);
  }
  return text;
}

std::string offered_mimalloc() {
  try {
    const MimallocEngine& engine = MimallocEngine::of_this_machine();
    return fmt::format("mimalloc and mimalloc_debug (3.13 and later) with mimalloc {}",
                       engine.version());
  } catch (const InputError& error) {
    return error.what();
  }
}

}  // namespace

PlannedCells plan_cells(const CellAxes& axes, const std::vector<MeasuredTrace>& traces,
                        const RunOptions& options) {
  return Planner(axes, traces, options).plan();
}

std::string machine_offers(const RunOptions& options) {
  std::string text = "--target\n  model\n";
  for (const PythonInterpreter& python : found_interpreters()) {
    if (!python.shared_library.empty())
      text += fmt::format("  libpython:{:<50} CPython {}\n", python.shared_library, python.version);
    text += fmt::format("  python:{:<53} CPython {}\n", python.path, python.version);
  }
  text += "--system-malloc\n" + offered_mallocs(options);
  std::vector<std::string_view> names;
  for (const Configuration& configuration : configurations()) names.push_back(configuration.name);
  text += fmt::format("-c\n  {}\n  {}\n", fmt::join(names, "  "), offered_mimalloc());
  names.clear();
  for (const Profile& profile : profiles()) names.push_back(profile.name);
  return text + fmt::format("--profile\n  {}\n", fmt::join(names, "  "));
}

}  // namespace pymemlab
