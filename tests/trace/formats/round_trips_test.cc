// There and back through every format, with random streams: what a format can hold comes back.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "core/base/random.h"
#include "core/trace/format.h"
#include "tests/trace/streams.h"

namespace pymemlab {
namespace {

using testing::random_stream;
using testing::read_all;
using testing::scratch;
using testing::Stream;

// What a request is to a format that knows less than a trace.
struct Kept {
  bool calloc = false;         // as a kind of its own, with one argument
  bool two_arguments = false;  // calloc's
  bool realloc_null = false;
  bool unknown_blocks = false;
  bool null_frees = false;
  bool failures = false;
  bool reallocs = true;
  bool threads = false;
};

// A request with its block by name: the number of its allocation.
struct Request {
  char kind = ' ';
  std::uint64_t block = 0;
  std::uint64_t count = 1;
  std::uint64_t size = 0;
  Slot thread = 0;
  friend bool operator==(const Request&, const Request&) = default;
};
std::ostream& operator<<(std::ostream& out, const Request& request) {
  return out << request.kind << " block " << request.block << ", " << request.count << " x "
             << request.size << " by " << request.thread;
}

// The slow, obvious account of what a stream asks for, as far as a format keeps it.
class Account {
 public:
  explicit Account(Kept kept) : kept_(kept) {}

  void add(const Operation& operation);
  std::vector<Request> requests;

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  void allocate(const Operation& operation);
  void put(char kind, std::uint64_t block, std::uint64_t size, std::uint64_t count = 1) {
    requests.push_back({kind, block, count, size, kept_.threads ? thread_ : 0});
  }

  Kept kept_;
  std::map<Slot, std::uint64_t> live_;
  std::uint64_t blocks_ = 0;
  Slot thread_ = 0;
};

void Account::allocate(const Operation& operation) {
  const bool unknown = operation.kind == EventKind::realloc_unknown;
  char kind = 'm';
  if (operation.kind == EventKind::calloc && kept_.calloc) kind = 'c';
  if (operation.kind == EventKind::realloc_null && kept_.realloc_null) kind = 'n';
  if (unknown && kept_.unknown_blocks) kind = 'u';
  const bool pair = kind == 'c' && kept_.two_arguments;
  const std::uint64_t count = pair ? operation.count : 1;
  const std::uint64_t size = pair ? operation.size : operation.bytes();
  if (operation.failed) {
    if (kept_.failures) put(kind, kNone, size, count);
    return;
  }
  live_[operation.slot] = blocks_;
  put(kind, blocks_++, size, count);
}

void Account::add(const Operation& operation) {
  const auto live = live_.find(operation.slot);
  if (operation.kind == EventKind::thread) thread_ = operation.slot;
  if (operation.nested && !(operation.kind == EventKind::free && live != live_.end())) {
    if (takes_new_slot(operation.kind) && !operation.failed) live_.erase(operation.slot);
    return;
  }
  if (takes_new_slot(operation.kind)) return allocate(operation);
  if (operation.kind == EventKind::free && operation.slot == kNoSlot && kept_.null_frees)
    return put('f', kNone, 0);
  if (operation.kind == EventKind::free_unknown && kept_.unknown_blocks) return put('f', kNone, 1);
  if (live == live_.end()) return;
  if (operation.kind == EventKind::realloc) {
    if (operation.failed && kept_.failures) put('R', live->second, operation.size);
    if (operation.failed) return;
    if (kept_.reallocs) return put('r', live->second, operation.size);
    put('f', live->second, 0);
    live->second = blocks_;
    put('m', blocks_++, operation.size);
  } else if (operation.kind == EventKind::free) {
    put('f', live->second, 0);
    live_.erase(live);
  }
}

std::vector<Request> account(const std::vector<Operation>& operations, Kept kept) {
  Account of(kept);
  for (const Operation& operation : operations) of.add(operation);
  return std::move(of.requests);
}

std::vector<Request> of_thread(const std::vector<Request>& requests, Slot thread) {
  std::vector<Request> own;
  std::map<std::uint64_t, std::uint64_t> names;  // in the order in which the thread meets them
  for (Request request : requests) {
    if (request.thread != thread) continue;
    request.block = names.emplace(request.block, names.size()).first->second;
    own.push_back(request);
  }
  return own;
}

// Threads numbered in the order of their first requests.
std::vector<Request> with_threads_as_they_appear(std::vector<Request> requests) {
  std::map<Slot, Slot> numbers;
  for (Request& request : requests)
    request.thread =
        numbers.emplace(request.thread, static_cast<Slot>(numbers.size())).first->second;
  return requests;
}

struct Case {
  const char* format;
  Kept kept;
};

class RoundTrips : public ::testing::TestWithParam<Case> {
 protected:
  static void there_and_back(const char* name, const std::string& from, const std::string& to) {
    const TraceFormat& format = trace_format_named(name);
    format.export_file(from, scratch("there"));
    format.import_file(scratch("there"), to, {.addresses = true});
  }
};

TEST_P(RoundTrips, KeepWhatTheFormatCanHold) {
  const auto& [format, kept] = GetParam();
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Stream stream = random_stream({.events = 3000, .seed = seed, .live_about = 60});
    write_stream(stream, scratch("a.pmtrace"), {.addresses = true, .chunk_events = 700});
    there_and_back(format, scratch("a.pmtrace"), scratch("b.pmtrace"));
    const std::vector<Request> wanted = account(stream.operations, kept);
    const std::vector<Request> got = account(read_all(scratch("b.pmtrace")).operations, kept);
    ASSERT_GT(wanted.size(), 2000u);
    EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), got.begin(), got.end()))
        << format << ", seed " << seed << ": " << wanted.size() << " and " << got.size();
  }
}

// A second time nothing is lost: the file is the same, byte for byte.
TEST_P(RoundTrips, LoseNothingTheSecondTime) {
  const char* const format = GetParam().format;
  write_stream(random_stream({.events = 3000, .seed = 4}), scratch("a.pmtrace"));
  there_and_back(format, scratch("a.pmtrace"), scratch("b.pmtrace"));
  // A replay file's times are the numbers of events, of which the first trip leaves some out.
  there_and_back(format, scratch("b.pmtrace"), scratch("c.pmtrace"));
  const std::vector<std::uint8_t> second = testing::bytes_of(scratch("there"));
  there_and_back(format, scratch("c.pmtrace"), scratch("d.pmtrace"));
  EXPECT_EQ(second, testing::bytes_of(scratch("there")));
  EXPECT_EQ(read_all(scratch("b.pmtrace")).digest, read_all(scratch("c.pmtrace")).digest);
}

INSTANTIATE_TEST_SUITE_P(Formats, RoundTrips,
                         ::testing::Values(Case{"rep", {}}, Case{"bytehound", {}}),
                         [](const auto& info) { return std::string(info.param.format); });

// Of several threads a workload keeps what each does, and the order in which they touch a block.
TEST(RoundTripsOfWorkloads, KeepWhatEachThreadDoes) {
  const Kept kept{.calloc = true, .realloc_null = true, .null_frees = true, .threads = true};
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Stream stream = random_stream({.events = 5000, .seed = seed, .live_about = 60});
    write_stream(stream, scratch("a.pmtrace"));
    const TraceFormat& wl = trace_format_named("wl");
    wl.export_file(scratch("a.pmtrace"), scratch("a.wl"));
    wl.import_file(scratch("a.wl"), scratch("b.pmtrace"), {});
    const std::vector<Request> wanted = account(stream.operations, kept);
    const std::vector<Request> got = account(read_all(scratch("b.pmtrace")).operations, kept);
    ASSERT_GT(wanted.size(), 3000u);
    EXPECT_EQ(wanted.size(), got.size());
    for (Slot thread = 0; thread < 4; ++thread) {
      EXPECT_EQ(of_thread(wanted, thread), of_thread(got, thread)) << "seed " << seed;
    }
  }
}

TEST(RoundTripsOfWorkloads, OfOneThreadKeepTheOrder) {
  Stream stream = random_stream({.events = 3000, .seed = 8});
  std::erase_if(stream.operations,
                [](const Operation& operation) { return operation.kind == EventKind::thread; });
  write_stream(stream, scratch("a.pmtrace"));
  const TraceFormat& wl = trace_format_named("wl");
  wl.export_file(scratch("a.pmtrace"), scratch("a.wl"));
  wl.import_file(scratch("a.wl"), scratch("b.pmtrace"), {});
  const Kept kept{.calloc = true, .realloc_null = true, .null_frees = true};
  EXPECT_EQ(account(stream.operations, kept),
            account(read_all(scratch("b.pmtrace")).operations, kept));
  wl.export_file(scratch("b.pmtrace"), scratch("b.wl"));
  wl.import_file(scratch("b.wl"), scratch("c.pmtrace"), {});
  EXPECT_EQ(read_all(scratch("b.pmtrace")).digest, read_all(scratch("c.pmtrace")).digest);
}

// Formats that are only read: the test writes what their producers would.

// Where a block is in the process: never where another live one is.
std::uint64_t address_of(Slot slot) { return 0x7f0000000000u + 64 * (slot + std::uint64_t{1}); }

std::string mtrace_line(const Operation& operation) {
  const std::uint64_t at = operation.failed ? 0 : address_of(operation.slot);
  const std::string address = at == 0 ? "(nil)" : fmt::format("{:#x}", at);
  if (takes_new_slot(operation.kind))
    return fmt::format("@ a:[0x1] + {} {:#x}\n", address, operation.bytes());
  if (operation.kind == EventKind::realloc && operation.failed)
    return fmt::format("@ a:[0x1] ! {:#x} {:#x}\n", address_of(operation.slot), operation.size);
  if (operation.kind == EventKind::realloc)
    return fmt::format("@ a:[0x1] < {0}\n@ a:[0x1] > {0} {1:#x}\n", address, operation.size);
  return fmt::format("@ a:[0x1] - {}\n", address);
}

std::string heaptrack_line(const Operation& operation) {
  const std::uint64_t at = address_of(operation.slot);
  if (takes_new_slot(operation.kind)) return fmt::format("+ {:x} 1 {:x}\n", operation.bytes(), at);
  if (operation.kind == EventKind::realloc)
    return fmt::format("- {0:x}\n+ {1:x} 1 {0:x}\n", at, operation.size);
  return fmt::format("- {:x}\n", at);
}

std::string memory_replay_line(const Operation& operation, Slot thread) {
  const std::uint64_t at = operation.failed ? 0 : address_of(operation.slot);
  switch (operation.kind) {
    case EventKind::calloc:
      return fmt::format("{}: calloc {:#x} {} {}\n", thread, at, operation.count, operation.size);
    case EventKind::realloc:
      return fmt::format("{}: realloc {:#x} {:#x} {}\n", thread, at, address_of(operation.slot),
                         operation.size);
    case EventKind::realloc_null:
      return fmt::format("{}: realloc {:#x} 0x0 {}\n", thread, at, operation.size);
    case EventKind::realloc_unknown:
      return fmt::format("{}: realloc {:#x} 0x13 {}\n", thread, at, operation.size);
    case EventKind::free_unknown: return fmt::format("{}: free 0x13\n", thread);
    case EventKind::free:
      return fmt::format("{}: free {:#x}\n", thread, operation.slot == kNoSlot ? 0 : at);
    default: return fmt::format("{}: malloc {:#x} {}\n", thread, at, operation.size);
  }
}

// The stream's requests that a program could have made, and its threads.
std::vector<Operation> plausible(const Stream& stream, Kept kept) {
  std::vector<Operation> chosen;
  std::map<Slot, bool> live;
  for (const Operation& operation : stream.operations) {
    const bool takes = takes_new_slot(operation.kind);
    const bool unknown =
        operation.kind == EventKind::free_unknown || operation.kind == EventKind::realloc_unknown;
    const bool of_live =
        (operation.kind == EventKind::free || operation.kind == EventKind::realloc) &&
        live[operation.slot];
    const bool null_free = operation.kind == EventKind::free && operation.slot == kNoSlot;
    const bool thread = operation.kind == EventKind::thread && kept.threads;
    const bool wanted = (takes && (!unknown || kept.unknown_blocks)) || of_live || thread ||
                        (unknown && kept.unknown_blocks) || (null_free && kept.null_frees);
    if ((operation.nested && !(of_live && operation.kind == EventKind::free)) || !wanted ||
        (operation.failed && !kept.failures))
      continue;
    // A realloc to nothing that fails is a free.
    if (operation.failed && operation.size == 0) continue;
    if (takes && !operation.failed) live[operation.slot] = true;
    if (operation.kind == EventKind::free) live[operation.slot] = false;
    chosen.push_back(operation);
  }
  return chosen;
}

void expect_import(const char* format, Kept kept, const std::string& head,
                   const std::function<std::string(const Operation&, Slot)>& line) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const std::vector<Operation> operations =
        plausible(random_stream({.events = 4000, .seed = seed, .live_about = 60}), kept);
    std::string content = head;
    Slot thread = 0;
    for (const Operation& operation : operations) {
      if (operation.kind == EventKind::thread) thread = operation.slot;
      if (operation.kind != EventKind::thread) content += line(operation, thread);
    }
    testing::write_bytes(scratch("foreign"), {content.begin(), content.end()});
    trace_format_named(format).import_file(scratch("foreign"), scratch("b.pmtrace"), {});
    const std::vector<Request> wanted = with_threads_as_they_appear(account(operations, kept));
    const std::vector<Request> got =
        with_threads_as_they_appear(account(read_all(scratch("b.pmtrace")).operations, kept));
    ASSERT_GT(wanted.size(), 2000u);
    EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), got.begin(), got.end()))
        << format << ", seed " << seed << ": " << wanted.size() << " and " << got.size();
  }
}

TEST(Imports, OfMtraceKeepEveryCall) {
  expect_import("mtrace", {.failures = true}, "= Start\n",
                [](const Operation& operation, Slot) { return mtrace_line(operation); });
}

TEST(Imports, OfHeaptrackKeepEveryCallButReallocs) {
  expect_import("heaptrack", {.reallocs = false}, "v 10400 3\nt 1 0\n",
                [](const Operation& operation, Slot) { return heaptrack_line(operation); });
}

TEST(Imports, OfMemoryReplayKeepEveryCallAndItsThread) {
  expect_import("memory-replay",
                {.calloc = true,
                 .two_arguments = true,
                 .realloc_null = true,
                 .unknown_blocks = true,
                 .null_frees = true,
                 .failures = true,
                 .threads = true},
                "", memory_replay_line);
}

}  // namespace
}  // namespace pymemlab
