#include <algorithm>
#include <functional>
#include <initializer_list>
#include <map>
#include <utility>
#include <vector>

#include "core/base/input_error.h"
#include "core/trace/chunk.h"
#include "core/trace/formats/plain_filter.h"
#include "core/trace/formats/wl_code.h"
#include "core/trace/formats/wl_format.h"

namespace pymemlab {
namespace {

// Splits a trace into its threads' operations. Where a thread takes up a block that another left,
// that other releases a sync and this one acquires it, so that they keep the trace's order; between
// other operations of different threads any order will do.
class WlThreads {
 public:
  // Takes the bytes that come next in a thread's part.
  using Sink = std::function<void(Slot thread, const Bytes&)>;

  explicit WlThreads(Sink sink) : sink_(std::move(sink)) {}

  void add(const PlainRequest& request);
  [[nodiscard]] std::uint64_t syncs() const noexcept { return syncs_; }
  [[nodiscard]] std::uint64_t pointers() const noexcept { return slots_ + 1; }

 private:
  void follow(Slot thread, Slot slot);
  void put(Slot thread, WlCode code, std::initializer_list<std::uint64_t> numbers);

  Sink sink_;
  std::vector<Slot> last_;  // by slot: the thread that touched it last; kNoSlot: none
  std::uint64_t slots_ = 0;
  std::uint64_t syncs_ = 0;
  Bytes bytes_;
};

// Slot s has index s + 1: index 0 is NULL. A slot that is taken anew has a history too: the free
// that made room comes first.
void WlThreads::add(const PlainRequest& request) {
  const std::uint64_t index = std::uint64_t{request.slot} + 1;
  if (request.kind == PlainRequest::Kind::release_null)
    return put(request.thread, WlCode::free, {0});
  follow(request.thread, request.slot);
  switch (request.kind) {
    case PlainRequest::Kind::allocate:
      return put(request.thread, WlCode::malloc, {index, request.size});
    case PlainRequest::Kind::allocate_zeroed:
      return put(request.thread, WlCode::calloc, {index, request.size});
    case PlainRequest::Kind::allocate_by_realloc:
      return put(request.thread, WlCode::realloc, {index, 0, request.size});
    case PlainRequest::Kind::resize:
      return put(request.thread, WlCode::realloc, {index, index, request.size});
    default: return put(request.thread, WlCode::free, {index});
  }
}

void WlThreads::follow(Slot thread, Slot slot) {
  slots_ = std::max<std::uint64_t>(slots_, std::uint64_t{slot} + 1);
  if (slot >= last_.size())
    last_.resize(std::max(slot + std::size_t{1}, 2 * last_.size()), kNoSlot);
  const Slot before = std::exchange(last_[slot], thread);
  if (before == kNoSlot || before == thread) return;
  put(before, WlCode::release, {syncs_});
  put(thread, WlCode::acquire, {syncs_});
  ++syncs_;
}

void WlThreads::put(Slot thread, WlCode code, std::initializer_list<std::uint64_t> numbers) {
  bytes_.clear();
  bytes_.push_back(static_cast<std::uint8_t>(code));
  for (const std::uint64_t number : numbers) put_wl_number(bytes_, number);
  sink_(thread, bytes_);
}

ConversionReport feed(const std::string& from, WlThreads& threads) {
  PlainFilter filter({.calloc = true, .realloc_null = true, .null_frees = true, .threads = true});
  TraceReader trace = TraceReader::open(from, {.ahead = true});
  EventBatch batch;
  Operation operation;
  while (trace.next(batch)) {
    OperationCursor cursor(batch);
    while (cursor.next(operation))
      if (const auto request = filter.take(operation)) threads.add(*request);
  }
  return {.losses = filter.losses(), .damage = trace.damage()};
}

// Where each thread's operations go in the file, and what of them is not written yet.
class WlFile {
 public:
  explicit WlFile(const std::string& path) : file_(File::open_to_write(path)) {
    if (!file_.size())
      throw InputError(
          "{}: a workload cannot be written to a pipe, since each thread's operations "
          "stand at a place of their own; name a file",
          file_.path());
  }

  // `bytes` has every thread's operations in bytes.
  void start(const std::map<Slot, std::uint64_t>& bytes, std::uint64_t pointers,
             std::uint64_t syncs);
  void add(Slot thread, const Bytes& bytes) {
    Part& part = parts_[thread];
    part.bytes.insert(part.bytes.end(), bytes.begin(), bytes.end());
    if (part.bytes.size() >= kFlushBytes) flush(part);
  }
  void finish();

 private:
  static constexpr std::size_t kFlushBytes = 1u << 12;
  struct Part {
    std::uint64_t at = 0;  // in the file
    Bytes bytes;
  };
  void flush(Part& part);

  File file_;
  std::map<Slot, Part> parts_;  // by thread
};

void WlFile::start(const std::map<Slot, std::uint64_t>& bytes, std::uint64_t pointers,
                   std::uint64_t syncs) {
  const auto code = [](WlCode c) { return static_cast<std::uint8_t>(c); };
  Bytes head = {code(WlCode::pointers)};
  put_wl_number(head, pointers);
  head.push_back(code(WlCode::syncs));
  put_wl_number(head, syncs);
  head.push_back(code(WlCode::threads));
  put_wl_number(head, bytes.size());
  // Offsets have all their digits, so that they do not move what they point to.
  std::uint64_t at = head.size() + bytes.size() * (1 + kWlDigits) + 1;
  for (const auto& [thread, size] : bytes) {
    head.push_back(code(WlCode::program));
    put_wl_number(head, at, kWlDigits);
    parts_[thread].at = at;
    at += size + 1;
  }
  head.push_back(code(WlCode::end));
  file_.write(std::as_bytes(std::span(head)));
}

void WlFile::flush(Part& part) {
  file_.seek(part.at);
  file_.write(std::as_bytes(std::span(part.bytes)));
  part.at += part.bytes.size();
  part.bytes.clear();
}

void WlFile::finish() {
  for (auto& [thread, part] : parts_) {
    part.bytes.push_back(static_cast<std::uint8_t>(WlCode::end));
    flush(part);
  }
  file_.close();
}

}  // namespace

ConversionReport export_wl(const std::string& from, const std::string& to) {
  std::map<Slot, std::uint64_t> bytes = {};  // by thread
  WlThreads counted([&](Slot thread, const Bytes& more) { bytes[thread] += more.size(); });
  feed(from, counted);
  if (bytes.empty()) bytes[0] = 0;
  WlFile file(to);
  file.start(bytes, counted.pointers(), counted.syncs());
  WlThreads written([&](Slot thread, const Bytes& more) { file.add(thread, more); });
  ConversionReport report = feed(from, written);
  file.finish();
  report.losses.insert(report.losses.begin(),
                       "domains, addresses, metadata and the order of unrelated calls of different "
                       "threads were left out: a .wl file has no place for them");
  return report;
}

}  // namespace pymemlab
