#include <algorithm>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/trace/event_coding.h"
#include "core/trace/formats/wl_code.h"
#include "core/trace/formats/wl_format.h"

namespace pymemlab {
namespace {

// Turns the threads' operations into events.
class WlEvents {
 public:
  WlEvents(const std::string& to, TraceWriterOptions options)
      : trace_(TraceWriter::create(to, metadata(), (options.addresses = false, options))) {}

  // REQUIRES: code is none of release, acquire, nop and end.
  void take(WlCode code, Slot thread, WlProgram& from, std::uint64_t pointers);
  [[nodiscard]] ConversionReport finish();

 private:
  static TraceMetadata metadata() {
    return {.source = "wl",
            .unknown = {"python", "domains", "calloc", "alignment", "addresses", "arenas",
                        "order between threads"}};
  }
  void allocate(EventKind kind, std::uint64_t index, std::uint64_t size, WlProgram& from);
  void resize(std::uint64_t index, std::uint64_t old, std::uint64_t size, WlProgram& from);
  void release(std::uint64_t index, WlProgram& from);
  // The block of an index, which is then forgotten.
  Slot give_up(std::uint64_t index, WlProgram& from);

  TraceWriter trace_;
  Slot thread_ = 0;
  std::unordered_map<std::uint64_t, Slot> live_;  // by index
  std::uint64_t aligned_ = 0;
};

void WlEvents::take(WlCode code, Slot thread, WlProgram& from, std::uint64_t pointers) {
  if (thread != thread_) trace_.append({.kind = EventKind::thread, .slot = thread_ = thread});
  const auto index = [&] {
    const std::uint64_t value = from.number();
    if (value > pointers) from.fail("index {} is beyond the {} that are promised", value, pointers);
    return value;
  };
  const std::uint64_t first = index();
  switch (code) {
    case WlCode::malloc: return allocate(EventKind::malloc, first, from.number(), from);
    case WlCode::calloc: return allocate(EventKind::calloc, first, from.number(), from);
    case WlCode::realloc: {
      const std::uint64_t old = index();
      return resize(first, old, from.number(), from);
    }
    case WlCode::free: return release(first, from);
    case WlCode::memalign: (void)from.number(); [[fallthrough]];
    case WlCode::valloc:
    case WlCode::pvalloc:
      ++aligned_;
      return allocate(EventKind::malloc, first, from.number(), from);
    default: from.fail("operation {} among a thread's", static_cast<unsigned>(code));
  }
}

void WlEvents::allocate(EventKind kind, std::uint64_t index, std::uint64_t size, WlProgram& from) {
  const Operation operation{
      .kind = kind, .domain = Domain::libc, .failed = index == 0, .size = size};
  if (index != 0 && live_.count(index) != 0) from.fail("index {} is allocated twice", index);
  const Slot slot = trace_.append(operation);
  if (index != 0) live_.emplace(index, slot);
}

// A realloc to 0 bytes that returns NULL is a free.
void WlEvents::resize(std::uint64_t index, std::uint64_t old, std::uint64_t size, WlProgram& from) {
  if (old == 0) return allocate(EventKind::realloc_null, index, size, from);
  if (index == 0 && size == 0) return release(old, from);
  const Slot slot = give_up(old, from);
  if (index != 0 && live_.count(index) != 0) from.fail("index {} is allocated twice", index);
  trace_.append({.kind = EventKind::realloc,
                 .domain = Domain::libc,
                 .failed = index == 0,
                 .slot = slot,
                 .size = size});
  live_.emplace(index == 0 ? old : index, slot);
}

void WlEvents::release(std::uint64_t index, WlProgram& from) {
  trace_.free(Domain::libc, index == 0 ? kNoSlot : give_up(index, from));
}

Slot WlEvents::give_up(std::uint64_t index, WlProgram& from) {
  const auto found = live_.find(index);
  if (found == live_.end()) from.fail("index {} is not allocated", index);
  const Slot slot = found->second;
  live_.erase(found);
  return slot;
}

ConversionReport WlEvents::finish() {
  ConversionReport report;
  if (aligned_ != 0)
    report.losses.push_back(fmt::format("{} aligned requests became plain ones", aligned_));
  if (!report.losses.empty()) trace_.metadata().extra["notes"] = report.losses;
  trace_.finish();
  return report;
}

// The threads take turns, one operation each; one that waits is passed over until it may go on.
class WlImporter {
 public:
  WlImporter(const std::string& from, const std::string& to, const TraceWriterOptions& options)
      : file_(File::open_to_read(from)), size_(size_of(file_)), events_(to, options) {}
  ConversionReport run();

 private:
  static std::uint64_t size_of(const File& file);
  void read_head();
  void place_programs(const std::vector<std::uint64_t>& offsets);
  // Whether the thread has more to do now.
  bool step(Slot thread);
  bool acquire(Slot thread, std::uint64_t id);
  void release(std::uint64_t id);

  File file_;
  std::uint64_t size_;
  WlEvents events_;
  std::uint64_t pointers_ = 0;
  std::vector<WlProgram> programs_;  // by thread
  std::deque<Slot> ready_;
  std::unordered_set<std::uint64_t> released_;
  std::unordered_map<std::uint64_t, std::vector<Slot>> waiting_;  // threads, by id
};

std::uint64_t WlImporter::size_of(const File& file) {
  const std::optional<std::uint64_t> size = file.size();
  if (!size)
    throw InputError(
        "{}: a workload cannot be read from a pipe, since each thread's operations "
        "stand at a place of their own; give a file",
        file.path());
  return *size;
}

ConversionReport WlImporter::run() {
  read_head();
  for (std::size_t thread = 0; thread < programs_.size(); ++thread)
    ready_.push_back(static_cast<Slot>(thread));
  while (!ready_.empty()) {
    const Slot thread = ready_.front();
    ready_.pop_front();
    if (step(thread)) ready_.push_back(thread);
  }
  for (const auto& [id, threads] : waiting_)
    programs_[threads.front()].fail("thread {} waits for sync {}, which is never released",
                                    threads.front(), id);
  return events_.finish();
}

void WlImporter::read_head() {
  WlProgram head(file_, 0, size_);
  std::uint64_t threads = 0;
  std::vector<std::uint64_t> offsets;
  for (;;) {
    const WlCode code = head.code();
    if (code == WlCode::end) break;
    if (code < WlCode::pointers || code > WlCode::program)
      head.fail("no workload: wanted numbers of pointers, syncs and threads, and offsets");
    const std::uint64_t value = head.number();
    if (code == WlCode::pointers) pointers_ = value;
    if (code == WlCode::threads) threads = value;
    if (code == WlCode::program) offsets.push_back(value);
    if (offsets.size() > kMaxContexts)
      head.fail("more than {} threads, which is the most a trace can hold", kMaxContexts);
  }
  if (threads != offsets.size() || offsets.empty())
    head.fail("{} threads are promised and {} follow; wanted one or more, and as many", threads,
              offsets.size());
  place_programs(offsets);
}

// No two threads share bytes: the trace is at most as long as the file.
void WlImporter::place_programs(const std::vector<std::uint64_t>& offsets) {
  std::vector<std::uint64_t> sorted = offsets;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] >= size_ || (i > 0 && sorted[i] == sorted[i - 1]))
      throw InputError(
          "{}: a thread's operations are said to start at byte {}: wanted a place of "
          "their own inside the file",
          file_.path(), sorted[i]);
  for (const std::uint64_t offset : offsets) {
    const auto next = std::upper_bound(sorted.begin(), sorted.end(), offset);
    programs_.emplace_back(file_, offset, next == sorted.end() ? size_ : *next);
  }
}

bool WlImporter::step(Slot thread) {
  WlProgram& from = programs_[thread];
  const WlCode code = from.code();
  switch (code) {
    case WlCode::nop: break;
    case WlCode::end: from.close(); return false;
    case WlCode::acquire: return acquire(thread, from.number());
    case WlCode::release: release(from.number()); break;
    default: events_.take(code, thread, from, pointers_); break;
  }
  return true;
}

bool WlImporter::acquire(Slot thread, std::uint64_t id) {
  if (released_.count(id) != 0) return true;
  waiting_[id].push_back(thread);
  return false;
}

void WlImporter::release(std::uint64_t id) {
  released_.insert(id);
  const auto waiting = waiting_.find(id);
  if (waiting == waiting_.end()) return;
  ready_.insert(ready_.end(), waiting->second.begin(), waiting->second.end());
  waiting_.erase(waiting);
}

}  // namespace

ConversionReport import_wl(const std::string& from, const std::string& to,
                           const TraceWriterOptions& options) {
  return WlImporter(from, to, options).run();
}

}  // namespace pymemlab
