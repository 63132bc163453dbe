#include "tests/record/recording.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

#include "core/base/input_error.h"
#include "core/record/agent/ring.h"

namespace pymemlab {
namespace {

// Follows the blocks through a trace. Layers as in the recorder: what an allocator requested itself
// may lie at the same address as the request it serves.
class Follower {
 public:
  explicit Follower(TraceFacts& facts) : facts_(facts) {}

  void take(const Operation& operation) {
    ++facts_.events;
    ++facts_.kinds[operation.kind];
    if (operation.kind == EventKind::thread) thread_ = operation.slot;
    if (operation.kind == EventKind::interpreter) interpreter_ = operation.slot;
    if (operation.kind == EventKind::arena_alloc) facts_.arena_sizes.insert(operation.size);
    if (!is_request(operation.kind)) return;
    count(operation);
    if (!operation.failed) move(operation);
  }

 private:
  struct Place {
    bool nested = false;
    std::uint64_t address = 0;
  };

  void count(const Operation& operation) {
    ++facts_.by_thread[thread_];
    if (operation.domain != Domain::raw) ++facts_.by_interpreter[interpreter_];
    if (operation.failed) ++facts_.failed;
    if (operation.kind == EventKind::free_unknown || operation.kind == EventKind::realloc_unknown)
      ++facts_.unknown;
    if (operation.nested) return;
    ++facts_.requests[index(operation.domain)];
    facts_.sizes.insert(operation.count * operation.size);
  }

  void move(const Operation& operation) {
    // A realloc that another thread's events interrupt gives its address up where it begins.
    const bool ends = operation.kind == EventKind::free || operation.kind == EventKind::realloc ||
                      operation.kind == EventKind::realloc_begin;
    if (ends && operation.slot != kNoSlot) forget(places_[operation.slot]);
    if (!takes_new_slot(operation.kind) && operation.kind != EventKind::realloc) return;
    const Place place = {operation.nested, operation.address};
    if (!live_[place.nested].insert(place.address).second) ++facts_.overlaps;
    places_[operation.slot] = place;
  }

  void forget(const Place& place) { live_[place.nested].erase(place.address); }

  TraceFacts& facts_;
  Slot thread_ = 0;
  Slot interpreter_ = 0;
  std::array<std::unordered_set<std::uint64_t>, 2> live_;  // [nested]
  std::unordered_map<Slot, Place> places_;
};

// Of each ring that a collector has, whether it is paused: read from its memory, because the rings'
// descriptors are closed once their processes have them.
std::vector<bool> paused_rings(int collector) {
  const std::string folder = "/proc/" + std::to_string(collector);
  std::ifstream maps(folder + "/maps");
  std::ifstream memory(folder + "/mem", std::ios::binary);
  std::vector<bool> rings;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("pymemlab-ring") == std::string::npos) continue;
    const auto header = std::stoull(line, nullptr, 16);
    std::uint32_t paused = 1;
    memory.seekg(static_cast<std::streamoff>(header + offsetof(ring::Header, paused)));
    memory.read(reinterpret_cast<char*>(&paused), sizeof paused);
    rings.push_back(paused != 0);
  }
  return rings;
}

}  // namespace

TraceFacts read_facts(const std::string& path) {
  TraceFacts facts;
  TraceReader reader = TraceReader::open(path, {.addresses = true});
  Follower follower(facts);
  EventBatch batch;
  while (reader.next(batch)) {
    OperationCursor cursor(batch);
    Operation operation;
    while (cursor.next(operation)) follower.take(operation);
  }
  facts.metadata = reader.metadata();
  facts.damage = reader.damage();
  facts.marks = reader.marks();
  return facts;
}

bool wants_events(const Command& record) {
  return comes_true([&] {
    const std::vector<bool> paused = paused_rings(record.id());
    return !paused.empty() && std::find(paused.begin(), paused.end(), true) == paused.end();
  });
}

RecordTest::RecordTest() {
  std::string name = (std::filesystem::temp_directory_path() / "pymemlab-record-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for a test");
  folder_ = name;
}

RecordTest::~RecordTest() {
  std::error_code gone;
  std::filesystem::remove_all(folder_, gone);
}

std::string RecordTest::pymemlab() {
  const char* path = std::getenv("PYMEMLAB");
  return path != nullptr ? path : "./pymemlab";
}

std::vector<std::string> RecordTest::recording_of(const std::vector<std::string>& command) const {
  std::vector<std::string> words = {pymemlab(), "record", "-o", trace(), "--"};
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

CommandResult RecordTest::record(const std::vector<std::string>& command,
                                 const CommandOptions& options) const {
  return run(recording_of(command), options);
}

TraceFacts RecordTest::facts_so_far() const {
  try {
    return facts();
  } catch (const InputError&) {
    return {};
  }
}

void RecordTest::write_file(const std::string& name, const std::string& content,
                            bool executable) const {
  std::ofstream(in_folder(name)) << content;
  if (executable) std::filesystem::permissions(in_folder(name), std::filesystem::perms::owner_all);
}

}  // namespace pymemlab
