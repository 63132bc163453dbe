#include "core/measure/arena_map.h"

#include <algorithm>
#include <cstring>

namespace pymemlab {
namespace {

// A moment is a header, its arenas and then their pools.
struct Header {
  std::uint64_t event = 0;
  std::uint64_t allocated_bytes = 0;
  std::uint64_t arenas = 0;
};

std::size_t moment_bytes(std::uint64_t arenas, const Geometry& geometry) noexcept {
  const std::size_t arena = sizeof(MappedArena) + geometry.pools_per_arena() * sizeof(MappedPool);
  return sizeof(Header) + arenas * arena;
}

// Where a moment's parts lie.
struct Parts {
  std::byte* arenas;
  std::byte* pools;
  std::uint64_t pools_per_arena;

  Parts(std::byte* moment, std::uint64_t count, const Geometry& geometry) noexcept
      : arenas(moment + sizeof(Header)),
        pools(arenas + count * sizeof(MappedArena)),
        pools_per_arena(geometry.pools_per_arena()) {}

  void set_arena(std::uint64_t i, const MappedArena& arena) noexcept {
    std::memcpy(arenas + i * sizeof arena, &arena, sizeof arena);
  }
  void set_pool(std::uint64_t arena, std::uint64_t pool, MappedPool value) noexcept {
    std::memcpy(pools + (arena * pools_per_arena + pool) * sizeof value, &value, sizeof value);
  }
};

MappedPool coded(const PoolOccupancy& pool) noexcept {
  if (pool.live_blocks == 0) return {.kind = MappedPool::kEmpty, .live = 0};
  const std::size_t share = (pool.live_blocks * 255 + pool.capacity - 1) / pool.capacity;
  return {.kind = static_cast<std::uint8_t>(MappedPool::kFirstClass + pool.size_class),
          .live = static_cast<std::uint8_t>(share)};
}

}  // namespace

std::uint64_t map_moments_that_fit(std::uint64_t wanted, std::uint64_t arenas,
                                   const Geometry& geometry) noexcept {
  return std::clamp<std::uint64_t>(kMostMapBytes / moment_bytes(arenas, geometry), 1, wanted);
}

std::size_t map_room(std::uint64_t moments, std::uint64_t arenas,
                     const Geometry& geometry) noexcept {
  return moments * moment_bytes(arenas, geometry);
}

std::size_t write_map_moment(const SmallHeap& heap, std::uint64_t event,
                             std::uint64_t allocated_bytes, std::span<std::byte> room,
                             std::size_t used) noexcept {
  const Header header{.event = event, .allocated_bytes = allocated_bytes, .arenas = heap.arenas()};
  const std::size_t bytes = moment_bytes(header.arenas, heap.geometry());
  if (room.size() - used < bytes) return used;
  std::byte* const moment = room.data() + used;
  std::memset(moment, 0, bytes);
  std::memcpy(moment, &header, sizeof header);

  struct Fold {
    Parts parts;
    std::uint64_t last = ~0ull;  // index of the arena that the last pool was in
    MappedArena arena;
  } fold{.parts = Parts(moment, header.arenas, heap.geometry()), .arena = {}};
  heap.visit_pools(
      [](void* context, const PoolOccupancy& pool) {
        auto& f = *static_cast<Fold*>(context);
        if (f.last == ~0ull || f.arena.slot != pool.arena_slot) {
          ++f.last;
          f.arena = {
              .slot = pool.arena_slot, .ordinal = pool.arena, .live_blocks = 0, .used_bytes = 0};
          if (pool.index == 1) f.parts.set_pool(f.last, 0, {.kind = MappedPool::kNone, .live = 0});
        }
        f.arena.live_blocks += pool.live_blocks;
        f.arena.used_bytes += pool.live_blocks * pool.block_bytes;
        f.parts.set_arena(f.last, f.arena);
        f.parts.set_pool(f.last, pool.index, coded(pool));
      },
      &fold);
  return used + bytes;
}

std::vector<ArenaMap::Moment> read_map_moments(std::span<const std::byte> written,
                                               const Geometry& geometry) {
  std::vector<ArenaMap::Moment> moments;
  while (!written.empty()) {
    Header header;
    std::memcpy(&header, written.data(), sizeof header);
    ArenaMap::Moment moment{
        .event = header.event,
        .allocated_bytes = header.allocated_bytes,
        .arenas = std::vector<MappedArena>(header.arenas),
        .pools = std::vector<MappedPool>(header.arenas * geometry.pools_per_arena())};
    const std::size_t arenas = moment.arenas.size() * sizeof(MappedArena);
    if (header.arenas != 0) {
      std::memcpy(moment.arenas.data(), written.data() + sizeof header, arenas);
      std::memcpy(moment.pools.data(), written.data() + sizeof header + arenas,
                  moment.pools.size() * sizeof(MappedPool));
    }
    moments.push_back(std::move(moment));
    written = written.subspan(moment_bytes(header.arenas, geometry));
  }
  return moments;
}

}  // namespace pymemlab
