// The table: where a process of the recorded tree finds a ring of its own. One for the whole
// recording, in shared memory, named by the environment variable below.
//
//   Table | seat 0 | seat 1 | ... | seat kSeats-1
//
// The collector puts rings on offer: a seat's descriptor is the number of a ring in the collector,
// which any process of the same user can open as /proc/COLLECTOR/fd/DESCRIPTOR. A process takes a
// seat by putting its id where kOffered stands. The collector frees the seat once it knows the
// ring.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace pymemlab::ring {

struct Seat {
  static constexpr std::uint32_t kClosed = 0;
  static constexpr std::uint32_t kOffered = 0xFFFFFFFF;
  std::atomic<std::uint32_t> owner;  // kClosed, kOffered, or the id of the process that took it
  std::atomic<std::int32_t> descriptor;
};

// So many processes may start between two looks of the collector.
inline constexpr std::size_t kSeats = 16;

struct Table {
  // The collector, before it starts the command.
  std::uint32_t magic;
  std::uint32_t version;            // kVersion of ring.h
  std::uint32_t collector;          // process id
  std::uint32_t follows_tree;       // every process is recorded, not only the first
  std::uint32_t takes_checkpoints;  // the interpreters' statistics are wanted at their end
  std::uint32_t checkpoint_every;   // and at every Nth arena request of a pymalloc; 0: at none
  std::uint32_t site_depth;         // lines of Python that a block is recorded with

  // Processes that found no seat in time and run unrecorded.
  alignas(64) std::atomic<std::uint32_t> turned_away;
  Seat seats[kSeats];
};
inline constexpr std::uint32_t kTableMagic = 0x54'4d'59'50;  // "PYMT"
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

// Of Table::site_depth.
inline constexpr unsigned kMostSiteDepth = 64;

// The environment variable: the table's path, a colon, and what stands for the agent in LD_PRELOAD.
inline constexpr char kTableVariable[] = "PYMEMLAB_RING";
inline constexpr std::size_t kMostVariableBytes = 2048;

// A process that runs already is told the table's path by a debugger, which loads the agent and
// calls this function in a thread that holds the GIL and is inside no allocator. It returns an
// Attached.
inline constexpr char kAttachFunction[] = "pymemlab_attach";
enum class Attached : int {
  yes = 0,
  no_python = 1,  // none that the agent can hook
  no_table = 2,   // none of this version, or not to be opened
  before = 3,     // another collector has the agent, or its recording ended for good
};

}  // namespace pymemlab::ring
