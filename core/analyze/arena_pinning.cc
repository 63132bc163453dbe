#include "core/analyze/arena_pinning.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "core/analyze/block_replay.h"
#include "core/pymem/configuration.h"
#include "core/trace/trace_reader.h"

namespace pymemlab {
namespace {

constexpr std::string_view kAsked = "as asked";
constexpr std::string_view kWidest = "where most of the arenas is not live, after the peak";
constexpr std::string_view kPeak = "the peak of live bytes";

// Of an arena, live: below this it is sparse.
constexpr unsigned kSparsePercent = 25;

struct Moment {
  std::uint64_t event = 0;
  std::string_view why = kPeak;
};

// Steps through the trace; see(number, operation) after each event says whether to go on.
template <typename See>
void walk(TraceReader& reader, BlockReplay& replay, See see) {
  EventBatch batch;
  Operation operation;
  while (reader.next(batch)) {
    OperationCursor cursor(batch);
    for (std::uint64_t number = batch.first; cursor.next(operation); ++number) {
      replay.step(number, operation);
      if (!see(number, operation)) return;
    }
  }
}

// The widest gap between mapped and live between the peak and the interpreter's end. Where the end
// begins may become known only later, so the widest so far is taken at each event that is surely
// before it.
Moment widest_gap(const MeasuredTrace& trace, const Cell& cell) {
  TraceReader reader = TraceReader::open(trace.path, {.sites = true});
  BlockReplay replay(trace, cell);
  const bool recorded = trace.metadata.source == "record";
  const bool by_sites = recorded && reader.has_sites();
  const std::uint64_t last_issued = trace.plan.teardown_event.value_or(~0ull);
  const std::uint64_t last_clock =
      recorded && !by_sites ? trace.plan.clock_bytes - trace.plan.clock_bytes / 100 : ~0ull;
  Moment moment;
  Moment widest;
  std::uint64_t gap = 0;
  walk(reader, replay, [&](std::uint64_t number, const Operation& operation) {
    if (replay.issued() <= trace.plan.peak_live_event + 1) {
      moment = widest = {.event = number};
      gap = 0;
    }
    if (replay.issued() > last_issued || replay.clock_bytes() > last_clock) return false;
    const std::uint64_t now =
        replay.arena_bytes() - std::min(replay.arena_bytes(), replay.pooled_bytes());
    if (replay.issued() > trace.plan.peak_live_event && now > gap) {
      gap = now;
      widest = {.event = number, .why = kWidest};
    }
    if (!by_sites || operation.site != kNoSite) moment = widest;
    return true;
  });
  return moment;
}

// The groups of live blocks, and which arenas each is in.
class Groups {
 public:
  // `sites`: null where the trace does not know them. REQUIRES: they outlive the groups.
  Groups(const BlockReplay& replay, const SiteTable* sites, std::uint64_t clock_bytes)
      : sites_(sites) {
    const std::vector<BlockReplay::Block>& blocks = replay.blocks();
    for (std::uint32_t slot = 0; slot < blocks.size(); ++slot)
      if (blocks[slot].live && blocks[slot].pooled) add(replay, slot, clock_bytes);
    for (const Group& group : groups_) {
      for (const auto& [arena, count] : group.blocks_in) {
        arenas_[arena].blocks += count;
        ++arenas_[arena].groups;
      }
    }
    replay.heap()->visit_arenas(
        [](void* self, const ArenaOccupancy& arena) {
          static_cast<Groups*>(self)->arenas_[arena.arena].allocated_bytes = arena.allocated_bytes;
        },
        this);
    sparse_bytes_ = replay.heap()->geometry().arena_bytes * kSparsePercent / 100;
  }

  // What the arena source has less once each of the groups that return most is gone, one after the
  // other; at most `limit` of them.
  void free_best(BlockReplay& replay, std::size_t limit, std::vector<PinningGroup>& freed) {
    while (freed.size() < limit) {
      const auto best =
          std::max_element(groups_.begin(), groups_.end(),
                           [&](const Group& a, const Group& b) { return rank(a) < rank(b); });
      if (best == groups_.end() || arenas_alone(*best) == 0) return;
      PinningGroup figures = described(*best);
      figures.arenas_alone = arenas_alone(*best);
      const std::uint64_t before = replay.arena_bytes();
      for (const std::uint32_t slot : best->slots) replay.free(slot);
      figures.returned_bytes = before - replay.arena_bytes();
      for (const auto& [arena, count] : best->blocks_in) {
        arenas_[arena].blocks -= count;
        --arenas_[arena].groups;
      }
      best->slots.clear();
      best->blocks_in.clear();
      freed.push_back(std::move(figures));
    }
  }
  // The others, by what share they have in arenas that few blocks hold.
  void list_others(std::size_t limit, std::vector<PinningGroup>& listed) {
    std::vector<const Group*> others;
    for (const Group& group : groups_)
      if (!group.slots.empty()) others.push_back(&group);
    std::stable_sort(others.begin(), others.end(),
                     [&](const Group* a, const Group* b) { return share(*a) > share(*b); });
    for (const Group* group : others) {
      if (listed.size() >= limit) return;
      listed.push_back(described(*group));
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return groups_.size(); }

 private:
  struct Group {
    PinningGroup figures = {};
    SiteNumber site = kNoSite;
    std::vector<std::uint32_t> slots = {};
    std::map<std::size_t, std::uint64_t> blocks_in = {};  // by arena
  };
  struct ArenaUse {
    std::uint64_t blocks = 0;
    std::uint64_t groups = 0;
    std::uint64_t allocated_bytes = 0;  // rounded
  };

  void add(const BlockReplay& replay, std::uint32_t slot, std::uint64_t clock_bytes) {
    const BlockReplay::Block& block = replay.blocks()[slot];
    const void* base = replay.base(block);
    const std::uint64_t block_bytes = replay.heap()->block_bytes(base);
    const auto [found, is_new] =
        index_.try_emplace(std::tuple(block_bytes, block.site), groups_.size());
    if (is_new) {
      groups_.push_back({.site = block.site});
      groups_.back().figures = {.block_bytes = block_bytes,
                                .first_event = block.made_event,
                                .first_epoch = kEpochs,
                                .last_epoch = 1};
    }
    Group& group = groups_[found->second];
    PinningGroup& figures = group.figures;
    const auto epoch =
        1 + static_cast<unsigned>(block.made_clock_bytes * kEpochs / (clock_bytes + 1));
    ++figures.blocks;
    figures.requested_bytes += block.bytes;
    figures.first_event = std::min(figures.first_event, block.made_event);
    figures.last_event = std::max(figures.last_event, block.made_event);
    figures.first_epoch = std::min(figures.first_epoch, epoch);
    figures.last_epoch = std::max(figures.last_epoch, epoch);
    if (++group.blocks_in[replay.heap()->placement(base)->arena] == 1) ++figures.arenas;
    group.slots.push_back(slot);
  }
  [[nodiscard]] PinningGroup described(const Group& group) const {
    PinningGroup figures = group.figures;
    if (sites_ != nullptr) figures.site = site_text(*sites_, group.site);
    return figures;
  }
  [[nodiscard]] std::uint64_t arenas_alone(const Group& group) const {
    return static_cast<std::uint64_t>(
        std::count_if(group.blocks_in.begin(), group.blocks_in.end(),
                      [&](const auto& use) { return arenas_.at(use.first).groups == 1; }));
  }
  // More arenas for fewer blocks first.
  [[nodiscard]] std::tuple<std::uint64_t, std::uint64_t> rank(const Group& group) const {
    return {arenas_alone(group), ~0ull - group.figures.blocks};
  }
  // Sparse arenas, each shared out among the blocks that hold it.
  [[nodiscard]] double share(const Group& group) const {
    double arenas = 0;
    for (const auto& [arena, count] : group.blocks_in) {
      const ArenaUse& use = arenas_.at(arena);
      if (use.allocated_bytes < sparse_bytes_)
        arenas += static_cast<double>(count) / static_cast<double>(use.blocks);
    }
    return arenas;
  }

  const SiteTable* sites_;
  std::map<std::tuple<std::uint64_t, SiteNumber>, std::size_t> index_;
  std::vector<Group> groups_;
  std::map<std::size_t, ArenaUse> arenas_;  // by ordinal
  std::uint64_t sparse_bytes_ = 0;
};

}  // namespace

std::optional<ArenaPinning> find_arena_pinning(const MeasuredTrace& trace, const Cell& cell,
                                               const ArenaPinningOptions& options) {
  if (configuration_named(cell.configuration).mem_and_obj != Base::pymalloc) return std::nullopt;
  const Moment moment =
      options.event ? Moment{.event = *options.event, .why = kAsked} : widest_gap(trace, cell);
  TraceReader reader = TraceReader::open(trace.path, {.sites = true});
  BlockReplay replay(trace, cell);
  walk(reader, replay,
       [&](std::uint64_t number, const Operation&) { return number < moment.event; });
  const ArenaPins pins = ArenaPins::of(*replay.heap());
  if (pins.arenas == 0) return std::nullopt;
  ArenaPinning pinning{.event = moment.event,
                       .moment = moment.why,
                       .arena_bytes = cell.geometry.arena_bytes,
                       .arenas = pins.arenas,
                       .mapped_bytes = replay.arena_bytes(),
                       .live_blocks = pins.live_blocks,
                       .live_bytes = replay.pooled_bytes(),
                       .knows_sites = reader.has_sites()};
  for (std::size_t i = 0; i < pinning.sparse.size(); ++i)
    pinning.sparse[i] = {.percent = ArenaPins::kPercent[i],
                         .arenas = pins.below[i].arenas,
                         .blocks = pins.below[i].blocks};
  Groups groups(replay, pinning.knows_sites ? &reader.sites() : nullptr, trace.plan.clock_bytes);
  pinning.groups_found = groups.size();
  groups.free_best(replay, options.limit, pinning.groups);
  groups.list_others(options.limit, pinning.groups);
  return pinning;
}

}  // namespace pymemlab
