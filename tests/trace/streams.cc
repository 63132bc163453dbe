#include "tests/trace/streams.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/base/input_error.h"
#include "core/base/random.h"

namespace pymemlab::testing {
namespace {

// After every batch the reader shows what it would if it had not decoded further.
ReadBack read_once(const std::string& path, const TraceReaderOptions& options) {
  TraceReader reader = TraceReader::open(path, options);
  ReadBack back;
  EventBatch batch;
  Operation operation;
  while (reader.next(batch)) {
    OperationCursor cursor(batch);
    while (cursor.next(operation)) back.operations.push_back(operation);
    back.progress.push_back(fmt::format("{} events, {} marks, {} sites, {} slots, {}",
                                        batch.first + batch.events.size(), reader.marks().size(),
                                        reader.sites().size(), reader.slots(), reader.digest()));
  }
  EXPECT_FALSE(reader.next(batch)) << "the end stays the end";
  back.marks = reader.marks();
  back.sites = reader.sites();
  back.damage = reader.damage();
  back.digest = reader.digest();
  back.slots = reader.slots();
  back.metadata = reader.metadata();
  return back;
}

class ScratchFolder {
 public:
  ScratchFolder()
      : path_(std::filesystem::temp_directory_path() /
              ("pymemlab-trace-test-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// Slots by the book: a vector of free ones, the newest at its end.
class StreamBuilder {
 public:
  explicit StreamBuilder(const StreamShape& shape) : shape_(shape), random_(shape.seed) {}
  Stream build();

 private:
  void step();
  void odd_step();
  void allocate(EventKind kind);
  void resize();
  void release(std::size_t at);
  Operation request(EventKind kind);
  std::uint64_t size();
  Slot take();
  Slot any_slot() { return static_cast<Slot>(random_.below(stream_.slots)); }
  void add(const Operation& operation) { stream_.operations.push_back(operation); }
  void mark(const std::string& text);
  void arena();

  StreamShape shape_;
  Random random_;
  Stream stream_;
  std::vector<Slot> live_;  // in the order of allocation
  std::vector<Slot> free_;
  std::uint64_t arenas_ = 0;
};

Stream StreamBuilder::build() {
  while (stream_.operations.size() < shape_.events) step();
  stream_.operations.resize(shape_.events);
  return std::move(stream_);
}

void StreamBuilder::step() {
  if (shape_.oddities && random_.chance(1, 12)) return odd_step();
  if (live_.empty() || random_.below(2 * shape_.live_about) >= live_.size())
    return allocate(random_.chance(1, 10) ? EventKind::calloc : EventKind::malloc);
  if (random_.chance(1, 8)) return resize();
  const bool young = random_.chance(3, 4);
  const std::uint64_t reach = young ? std::min<std::uint64_t>(live_.size(), 4) : live_.size();
  release(live_.size() - 1 - random_.below(reach));
}

void StreamBuilder::odd_step() {
  switch (random_.below(12)) {
    case 0: return add(request(EventKind::free));
    case 1: {
      Operation unknown = request(EventKind::free_unknown);
      unknown.address = random_.next();
      return add(unknown);
    }
    case 2: return allocate(EventKind::realloc_unknown);
    case 3: return allocate(EventKind::realloc_null);
    case 4: {
      Operation failure = request(EventKind::malloc);
      failure.failed = true;
      failure.size = random_.chance(1, 2) ? random_.next() : size();
      return add(failure);
    }
    case 5:
    case 6: {
      if (stream_.slots == 0) return;
      Operation dead = request(random_.chance(2, 3) ? EventKind::free : EventKind::realloc);
      dead.slot = any_slot();
      if (std::find(live_.begin(), live_.end(), dead.slot) != live_.end()) return;
      if (dead.kind == EventKind::realloc) dead.address = random_.below(1u << 20) * 16;
      return add(dead);
    }
    case 7: {
      if (live_.empty()) return;
      Operation failure = request(EventKind::realloc);
      failure.slot = live_[random_.below(live_.size())];
      failure.size = size();
      failure.failed = true;
      return add(failure);
    }
    case 8:
      return add({.kind = random_.chance(1, 2) ? EventKind::thread : EventKind::interpreter,
                  .slot = static_cast<Slot>(random_.below(4))});
    case 9:
      return mark(random_.chance(1, 3) ? "again" : "mark " + std::to_string(random_.below(9)));
    case 10: {
      if (stream_.slots == 0) return;
      Operation begin = request(EventKind::realloc_begin);
      begin.slot = any_slot();
      return add(begin);
    }
    default: return arena();
  }
}

void StreamBuilder::allocate(EventKind kind) {
  Operation operation = request(kind);
  operation.size = size();
  if (kind == EventKind::calloc && random_.chance(3, 4)) {
    operation.count = random_.below(50);
    operation.size = random_.below(100);
  }
  if (kind == EventKind::realloc_unknown) operation.old_address = random_.next();
  operation.address = random_.below(1u << 16) * 16;
  operation.slot = take();
  add(operation);
}

void StreamBuilder::resize() {
  Operation operation = request(EventKind::realloc);
  operation.slot = live_[random_.below(live_.size())];
  operation.size = size();
  operation.address = random_.below(1u << 16) * 16;
  add(operation);
}

void StreamBuilder::release(std::size_t at) {
  Operation operation = request(EventKind::free);
  operation.slot = live_[at];
  live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(at));
  free_.push_back(operation.slot);
  add(operation);
}

Operation StreamBuilder::request(EventKind kind) {
  const auto domain = static_cast<Domain>(random_.chance(1, 10) ? random_.below(kDomains) : 2);
  return {.kind = kind, .domain = domain, .nested = shape_.oddities && random_.chance(1, 30)};
}

// Mostly small, at times zero, at the limits of the coding, or beyond 24 bits.
std::uint64_t StreamBuilder::size() {
  constexpr std::array<std::uint64_t, 12> kEdges = {0,
                                                    223,
                                                    224,
                                                    4319,
                                                    4320,
                                                    65535,
                                                    65536,
                                                    Event::kWide - 1,
                                                    Event::kWide,
                                                    std::uint64_t{Event::kWide} + 1,
                                                    std::uint64_t{1} << 40,
                                                    ~std::uint64_t{0}};
  if (random_.chance(1, 20)) return kEdges[random_.below(kEdges.size())];
  return random_.chance(1, 5) ? random_.below(5000) : 16 * random_.between(1, 12);
}

Slot StreamBuilder::take() {
  Slot slot = stream_.slots;
  if (free_.empty()) {
    ++stream_.slots;
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  live_.push_back(slot);
  return slot;
}

void StreamBuilder::mark(const std::string& text) {
  const auto found = std::find(stream_.marks.begin(), stream_.marks.end(), text);
  const auto number = static_cast<Slot>(found - stream_.marks.begin());
  if (found == stream_.marks.end()) stream_.marks.push_back(text);
  add({.kind = EventKind::mark, .slot = number});
}

void StreamBuilder::arena() {
  if (arenas_ == 0 || random_.chance(1, 2)) {
    const std::uint64_t base = random_.chance(1, 5) ? 0 : random_.below(1u << 20) << 12;
    add({.kind = EventKind::arena_alloc,
         .failed = base == 0,
         .slot = static_cast<Slot>(arenas_++),
         .size = 1u << 20,
         .address = base});
  } else if (random_.chance(1, 4)) {
    add({.kind = EventKind::arena_free, .size = 1u << 20, .address = 4096});
  } else {
    add({.kind = EventKind::arena_free, .slot = static_cast<Slot>(random_.below(arenas_))});
  }
}

}  // namespace

std::string scratch(const std::string& name) {
  static const ScratchFolder folder;
  return folder.file(name);
}

Stream random_stream(const StreamShape& shape) { return StreamBuilder(shape).build(); }

void write_stream(const Stream& stream, const std::string& path, TraceWriterOptions options,
                  TraceMetadata metadata) {
  TraceWriter writer = TraceWriter::create(path, std::move(metadata), options);
  SiteNumber sites = 0;
  for (std::size_t i = 0; i < stream.operations.size(); ++i) {
    const Operation& operation = stream.operations[i];
    while (sites < operation.site) sites = writer.add_site(stream.sites[sites]);
    if (operation.kind == EventKind::mark) {
      writer.mark(stream.marks[operation.slot]);
      continue;
    }
    ASSERT_EQ(writer.append(operation), operation.slot) << "event " << i;
  }
  writer.finish();
}

ReadBack read_all(const std::string& path, const TraceReaderOptions& options) {
  TraceReaderOptions ahead = options;
  ahead.ahead = true;
  try {
    ReadBack back = read_once(path, options);
    EXPECT_EQ(read_once(path, ahead), back) << path;
    return back;
  } catch (const InputError& refused) {
    EXPECT_THAT([&] { (void)read_once(path, ahead); },
                ::testing::ThrowsMessage<InputError>(::testing::StrEq(refused.what())));
    throw;
  }
}

std::vector<Operation> expected(const Stream& stream, bool addresses) {
  std::vector<Operation> operations = stream.operations;
  for (Operation& operation : operations) {
    const bool returned = takes_new_slot(operation.kind) || operation.kind == EventKind::realloc;
    if (returned && (!addresses || operation.failed)) operation.address = 0;
  }
  return operations;
}

std::vector<std::uint8_t> bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_bytes(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  // A new file: ext4 flushes one that is truncated and written again.
  std::filesystem::remove(path);
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

}  // namespace pymemlab::testing
