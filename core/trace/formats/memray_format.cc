#include "core/trace/formats/memray_format.h"

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "core/trace/formats/byte_reader.h"
#include "core/trace/formats/call_log.h"
#include "core/trace/little_endian.h"
#include "core/trace/varint.h"

namespace pymemlab {
namespace {

constexpr std::string_view kMagic("memray\0", 7);
constexpr std::uint32_t kVersion = 13;

// Who served a request. The first seven fit a record's tag.
enum class Allocator : std::uint8_t {
  pymalloc_free = 1,
  pymalloc_malloc = 2,
  pymalloc_calloc = 3,
  pymalloc_realloc = 4,
  free = 5,
  malloc = 6,
  realloc = 7,
  calloc = 8,
  posix_memalign = 9,
  aligned_alloc = 10,
  memalign = 11,
  valloc = 12,
  pvalloc = 13,
  mmap = 14,
  munmap = 15,
};

// Other records' tags; above them 16 to 31 pop frames, 32 to 63 are objects, 64 to 127 push a
// frame, and the rest are allocations.
enum Tag : std::uint8_t {
  kFiller = 0,
  kTrailer = 1,
  kMemory = 2,
  kNativeTrace = 5,
  kMapStart = 6,
  kSegmentHeader = 7,
  kSegment = 8,
  kThreadName = 10,
  kContextSwitch = 12,
  kCodeObject = 14,
  kFirstPop = 16,
  kFirstObject = 32,
  kFirstPush = 64,
  kFirstAllocation = 128,
};

// Pieces of the file. After the first that is cut off all are 0, and is_cut().
class MemrayReader {
 public:
  explicit MemrayReader(const std::string& path) : bytes_(path) {}

  [[nodiscard]] ByteReader& bytes() noexcept { return bytes_; }
  [[nodiscard]] bool is_cut() const noexcept { return is_cut_; }

  template <typename T>
  T fixed() {
    const auto piece = take(sizeof(T));
    return piece ? get_fixed<T>(piece->data()) : T{};
  }
  // 7 bits a byte, the lowest first, a high bit on all but the last.
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = fixed<std::uint8_t>();
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if ((byte & 0x80u) == 0) return value;
      if (shift >= 63) bytes_.fail_at(bytes_.offset(), "a number of more than 64 bits");
    }
  }
  std::uint64_t difference() { return unzigzag(varint()); }
  // Of a text that ends with a 0, what fits; the rest is passed over.
  std::string text() {
    constexpr std::size_t kMost = 4096;
    std::string text;
    while (const auto byte = fixed<char>())
      if (text.size() < kMost) text += byte;
    return text;
  }
  void skip(std::uint64_t bytes) {
    while (bytes > 0 && !is_cut_) {
      const auto piece = std::min<std::uint64_t>(bytes, ByteReader::kBytes);
      (void)take(static_cast<std::size_t>(piece));
      bytes -= piece;
    }
  }

 private:
  std::optional<std::span<const std::uint8_t>> take(std::size_t bytes) {
    if (is_cut_) return std::nullopt;
    const auto piece = bytes_.take(bytes);
    is_cut_ = !piece;
    return piece;
  }

  ByteReader bytes_;
  bool is_cut_ = false;
};

// The last 15 addresses that were not among the last 15. (One that is found does not move.)
class RecentAddresses {
 public:
  static constexpr unsigned kNone = 15;

  [[nodiscard]] std::uint64_t at(unsigned place) const noexcept { return addresses_[place]; }
  std::uint64_t add_after(std::uint64_t difference) noexcept {
    last_ += difference;
    std::copy_backward(addresses_.begin(), addresses_.end() - 1, addresses_.end());
    addresses_[0] = last_ << 3;
    return addresses_[0];
  }

 private:
  std::array<std::uint64_t, kNone> addresses_{};
  std::uint64_t last_ = 0;  // in units of 8 bytes
};

struct Header {
  TraceMetadata metadata;
  bool native_traces = false;
  std::uint64_t main_thread = 0;
};

Header read_header(MemrayReader& from) {
  const auto start = from.bytes().take(kMagic.size());
  if (!start || !std::equal(kMagic.begin(), kMagic.end(), start->begin()))
    from.bytes().fail_at(0, "no capture of memray's: wanted it to begin with \"memray\"");
  const auto version = from.fixed<std::uint32_t>();
  if (version != kVersion)
    from.bytes().fail_at(kMagic.size(),
                         "a capture of version {}: only version {} is read; record it "
                         "anew with a memray that writes that",
                         version, kVersion);
  const auto python = from.fixed<std::uint32_t>();
  Header header;
  header.native_traces = from.fixed<std::uint8_t>() != 0;
  if (from.fixed<std::uint8_t>() != 0)
    from.bytes().fail_at(from.bytes().offset() - 1,
                         "an aggregated capture, which holds totals and no events: record "
                         "without --aggregate");
  from.skip(4 * sizeof(std::uint64_t));  // counts, start and end
  header.metadata = {
      .python = PythonFacts{.version = fmt::format("{}.{}.{}", python >> 24, python >> 16 & 255u,
                                                   python >> 8 & 255u)},
      .source = "memray",
      .unknown = {"domains", "calloc", "alignment", "arenas", "start", "free space at the start"}};
  std::istringstream command(from.text());
  for (std::string word; command >> word;) header.metadata.command.push_back(word);
  header.metadata.pid = static_cast<std::int32_t>(from.fixed<std::uint32_t>());
  header.main_thread = from.fixed<std::uint64_t>();
  from.skip(sizeof(std::uint64_t));  // frames that are memray's own
  constexpr std::array kConfigurations = {"",      "pymalloc", "pymalloc_debug", "malloc",
                                          "other", "mimalloc", "mimalloc_debug"};
  const auto configuration = from.fixed<std::uint8_t>();
  if (configuration > 0 && configuration < kConfigurations.size() && configuration != 4)
    header.metadata.pythonmalloc = kConfigurations[configuration];
  if (from.fixed<std::uint8_t>() == 0) header.metadata.unknown.emplace_back("Python's requests");
  if (from.fixed<std::uint8_t>() != 0 && header.native_traces)
    from.bytes().fail_at(from.bytes().offset() - 1,
                         "a capture with both native traces and lives of objects: only one of "
                         "them is read");
  (void)from.text();  // where libraries are
  for (int list = 0; list < 2; ++list)
    while (!from.text().empty()) continue;
  if (from.is_cut()) from.bytes().fail_at(from.bytes().offset(), "is cut off inside its header");
  return header;
}

class MemrayImporter {
 public:
  MemrayImporter(const std::string& from, const std::string& to, const TraceWriterOptions& options)
      : in_(from),
        header_(read_header(in_)),
        calls_(from, to, header_.metadata, options, TakenAddress::lost_free),
        thread_(header_.main_thread) {
    calls_.thread(thread_);
  }
  ConversionReport run();

 private:
  struct Request {
    Allocator allocator = Allocator::malloc;
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    std::uint64_t thread = 0;
  };

  bool take_record();
  void take_other(std::uint8_t tag);
  void take_allocation(std::uint8_t tag);
  std::uint64_t take_address(unsigned place);
  void take(const Request& request);
  void release_pending();

  MemrayReader in_;
  Header header_;
  CallLog calls_;
  RecentAddresses recent_;
  std::uint64_t thread_;
  std::optional<Request> pending_;  // a free, which a realloc may follow
  std::uint64_t whole_ = 0;         // where the last whole record ends
};

ConversionReport MemrayImporter::run() {
  bool ended = false;
  while (!ended && !in_.bytes().at_end()) {
    whole_ = in_.bytes().offset();
    ended = !take_record();
    if (in_.is_cut()) break;
  }
  release_pending();
  if (ended && !in_.is_cut()) return calls_.finish(in_.bytes().damage());
  if (in_.bytes().damage()) return calls_.finish(in_.bytes().damage());
  return calls_.finish(
      fmt::format("{}: ends without memray's trailer; what is whole, up to byte "
                  "{}, was read",
                  in_.bytes().path(), in_.is_cut() ? whole_ : in_.bytes().offset()));
}

// False at the trailer.
bool MemrayImporter::take_record() {
  const auto tag = in_.fixed<std::uint8_t>();
  if (tag == kTrailer) return false;
  if (tag >= kFirstAllocation) {
    take_allocation(tag);
  } else if (tag >= kFirstPush) {
    in_.varint();
    in_.varint();
  } else if (tag >= kFirstObject) {
    (void)take_address(tag >> 1 & 15u);
  } else if (tag < kFirstPop) {
    take_other(tag);
  }
  return true;
}

void MemrayImporter::take_other(std::uint8_t tag) {
  switch (tag) {
    case kFiller:
    case kMapStart: return;
    case kMemory:
    case kNativeTrace:
      in_.varint();
      in_.varint();
      return;
    case kSegmentHeader:
      (void)in_.text();
      in_.varint();
      in_.skip(sizeof(std::uint64_t));
      return;
    case kSegment:
      in_.skip(sizeof(std::uint64_t));
      in_.varint();
      return;
    case kThreadName: (void)in_.text(); return;
    case kContextSwitch: thread_ = in_.fixed<std::uint64_t>(); return;
    case kCodeObject:
      in_.varint();
      (void)in_.text();
      (void)in_.text();
      in_.varint();
      in_.skip(in_.varint());
      return;
    default: in_.bytes().fail_at(whole_, "a record of kind {}, which version 13 has not", tag);
  }
}

std::uint64_t MemrayImporter::take_address(unsigned place) {
  if (place != RecentAddresses::kNone) return recent_.at(place);
  return recent_.add_after(in_.difference());
}

void MemrayImporter::take_allocation(std::uint8_t tag) {
  Request request{.address = take_address(tag >> 3 & 15u), .thread = thread_};
  auto allocator = static_cast<std::uint8_t>(tag & 7u);
  if (allocator == 0) allocator = in_.fixed<std::uint8_t>();
  request.allocator = static_cast<Allocator>(allocator);
  const bool frees =
      request.allocator == Allocator::free || request.allocator == Allocator::pymalloc_free;
  if (!frees) {
    if (header_.native_traces) in_.varint();
    request.size = in_.varint();
  }
  if (in_.is_cut()) return;
  if (allocator == 0 || allocator > static_cast<std::uint8_t>(Allocator::munmap))
    in_.bytes().fail_at(whole_, "an allocator of number {}: wanted 1 to 15", allocator);
  take(request);
}

// A realloc is recorded as the free of the old block and then itself, without the old address.
void MemrayImporter::take(const Request& request) {
  const bool of_python = request.allocator <= Allocator::pymalloc_realloc;
  const bool resizes =
      request.allocator == Allocator::pymalloc_realloc || request.allocator == Allocator::realloc;
  const Allocator its_free = of_python ? Allocator::pymalloc_free : Allocator::free;
  std::uint64_t old = 0;
  if (resizes && pending_ && pending_->allocator == its_free &&
      pending_->thread == request.thread) {
    old = pending_->address;
    pending_.reset();
  }
  release_pending();
  calls_.thread(request.thread);
  calls_.domain(of_python ? Domain::obj : Domain::libc);
  switch (request.allocator) {
    case Allocator::pymalloc_free:
    case Allocator::free: pending_ = request; return;
    case Allocator::pymalloc_malloc:
    case Allocator::malloc: return calls_.malloc(request.address, request.size);
    case Allocator::pymalloc_calloc:
    case Allocator::calloc: return calls_.calloc(request.address, 1, request.size);
    case Allocator::pymalloc_realloc:
    case Allocator::realloc: return calls_.realloc(old, request.address, request.size);
    case Allocator::mmap:
    case Allocator::munmap: return calls_.note("mappings and unmappings were left out");
    default:
      calls_.note("aligned requests became plain ones");
      return calls_.malloc(request.address, request.size);
  }
}

void MemrayImporter::release_pending() {
  if (!pending_) return;
  calls_.thread(pending_->thread);
  calls_.domain(pending_->allocator == Allocator::pymalloc_free ? Domain::obj : Domain::libc);
  calls_.free(pending_->address);
  pending_.reset();
}

}  // namespace

ConversionReport import_memray(const std::string& from, const std::string& to,
                               const TraceWriterOptions& options) {
  return MemrayImporter(from, to, options).run();
}

bool is_memray(std::string_view head) noexcept { return head.substr(0, kMagic.size()) == kMagic; }

}  // namespace pymemlab
