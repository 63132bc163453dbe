// The ring: how the agent, inside the recorded process, hands its events to the collector outside.
// This is the whole contract between the two; they share nothing else.
//
//   Header | Record 0 | Record 1 | ... | Record kRecords-1
//
// Records are 16 bytes and stand in commit order. A position is a count of bytes written since the
// beginning of time; it starts at kRingBytes, and position p lies at p % kRingBytes. Bit 25 of a
// position, the bit of value kRingBytes, flips with every lap, and a record is committed when that
// bit of its `what` equals its position's: memory starts as zeroes and the first lap writes ones,
// so nothing ever has to be cleared. `what` is stored last.
//
//   what:  0-3 kind | 4-5 domain | 6-9 depth | 10-24 interpreter | 25 lap | 26-63 size
//   where: 0-47 address | 48-63 thread
//
// Depth counts the allocators that the thread is inside of: 0 is the program's own request,
// anything else ("nested") one that an allocator made while serving it.
//
// A size of kWideSize says that the exact value (for calloc: the count, then the size) follows in
// records of kind `wide`, whose whole `where` is the value.
//
// The interpreter's own statistics are a text: a record of kind `statistics`, whose size counts the
// bytes, then records of kind `wide` with eight bytes each, the last filled up with zeroes.
//
// A writer that dies between taking a position and committing it leaves a hole. It is safe to skip:
// an allocation not yet committed was never seen by anyone else, a free not yet committed was not
// performed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace pymemlab::ring {

struct Record {
  std::uint64_t what = 0;
  std::uint64_t where = 0;
};

inline constexpr std::uint64_t kRingBytes = std::uint64_t{1} << 25;
inline constexpr std::uint64_t kRecords = kRingBytes / sizeof(Record);
inline constexpr std::uint64_t kFirstPosition = kRingBytes;
inline constexpr std::uint64_t kLapBit = kRingBytes;

inline constexpr unsigned kDomainShift = 4;
inline constexpr std::uint64_t kDepthUnit = 1u << 6;
inline constexpr std::uint64_t kDepthMask = 15 * kDepthUnit;
inline constexpr unsigned kInterpreterShift = 10;
inline constexpr unsigned kSizeShift = 26;
inline constexpr std::uint64_t kWideSize = (std::uint64_t{1} << (64 - kSizeShift)) - 1;
inline constexpr unsigned kThreadShift = 48;
inline constexpr std::uint64_t kAddressMask = (std::uint64_t{1} << kThreadShift) - 1;
static_assert(kLapBit == std::uint64_t{1} << 25 && kLapBit < std::uint64_t{1} << kSizeShift);

// The last number stands for every later thread or interpreter.
inline constexpr std::uint32_t kMostThreads = 0xFFFF;
inline constexpr std::uint32_t kMostInterpreters = 0x7FFF;

// The numbers of the domains are CPython's PyMemAllocatorDomain.
enum class Kind : std::uint8_t {
  malloc = 0,         // returned; address 0: it failed
  calloc = 1,         // returned; size is for a count of 1, else wide: count, size
  realloc_null = 2,   // realloc(NULL, size) returned
  realloc_begin = 3,  // entered; the old address and the new size
  realloc_end = 4,    // the same thread's innermost open realloc returned; address 0: it failed
  free = 5,           // about to be performed
  arena_alloc = 6,    // returned; nested: pymalloc asked, else the interpreter's data stack did
  arena_free = 7,     // about to be performed
  wide = 8,
  statistics = 9,  // nested: an arena is about to be requested, else the interpreter is at its end.
                   // The address is sys.getallocatedblocks(), or kUnknownBlocks
  fork = 10,       // the thread is about to fork; the size numbers the process's forks, from 1
  site = 11,      // what the thread allocates from here on is asked for at the site of this number,
                  // the size; 0: at none, as at its beginning
  new_site = 12,  // the next number, the address, is a site's. A text follows, of size bytes, in
                  // records as statistics have: the caller's number and the line, 4 bytes each; the
                  // file's name and a zero; the function's name
  resume = 13,    // what was requested since the record before, in a pause, is not here
};

inline constexpr std::uint64_t kUnknownBlocks = kAddressMask;
// Of a statistics text: some fifty lines of at most 80 bytes.
inline constexpr std::size_t kMostStatisticsBytes = 8192;

inline constexpr std::uint32_t kMagic = 0x52'4d'59'50;  // "PYMR"
inline constexpr std::uint32_t kVersion = 5;

enum class State : std::uint32_t {
  waiting = 0,  // no process has taken the ring
  hooked = 1,   // `owner` records; the facts are there
  stopped = 2,  // the ring stayed full; every record below stopped_at is there, none after it
};

// The first page of the mapping. Zeroes where nothing is said of it.
struct Header {
  // The collector, before it starts the command.
  std::uint32_t magic;
  std::uint32_t version;
  std::uint64_t ring_bytes;
  std::uint32_t collector;  // process id
  std::uint32_t serial;     // the ring's number in the recording, from 1
  // Not 0: requests need not be recorded for now. Written at any time; the agent looks every few
  // thousand events, and goes on to record arenas and forks.
  std::atomic<std::uint32_t> paused;

  // The agent, before it says `hooked`.
  alignas(64) std::atomic<State> state;
  std::uint32_t owner;   // process id
  std::uint32_t parent;  // process id
  // A child that was forked from a recorded process: that one's ring, and the number in its `fork`
  // record. The child's thread 0 is the thread that forked. 0: not forked.
  std::uint32_t parent_serial;
  std::uint32_t parent_fork;
  std::uint32_t debug_build;
  std::uint32_t has_pythonmalloc;
  std::uint32_t tells_sites;
  std::uint32_t command_bytes;
  char python[256];        // Py_GetVersion()
  char pythonmalloc[256];  // the environment variable
  char command[2048];      // the arguments, each ended by a zero; what does not fit is cut off

  // The collector's position; where the first record will be, when the agent says `hooked`.
  alignas(64) std::atomic<std::uint64_t> read;
  alignas(64) std::atomic<std::uint64_t> reserved;  // the writers' position, once there are several
  std::atomic<std::uint64_t> stopped_at;
};

inline constexpr std::size_t kHeaderBytes = 4096;
inline constexpr std::size_t kMappingBytes = kHeaderBytes + kRingBytes;
static_assert(sizeof(Header) <= kHeaderBytes);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace pymemlab::ring
