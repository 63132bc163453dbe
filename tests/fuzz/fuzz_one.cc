#include "tests/fuzz/fuzz_one.h"

#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/base/input_error.h"
#include "core/trace/chunk.h"
#include "core/trace/format.h"
#include "core/trace/summary.h"

namespace pymemlab::testing {
namespace {

// A file in memory, which any code can open by its path.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0) std::abort();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }

  void fill(std::span<const std::uint8_t> bytes) const {
    if (::ftruncate(descriptor_, 0) != 0 ||
        ::pwrite(descriptor_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
      std::abort();
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

void set_checksum(Bytes& file, std::size_t at, std::uint64_t sum) {
  std::memcpy(file.data() + at, &sum, sizeof sum);
}

// Every checksum of a trace file, as far as the chunks' lengths can be believed.
Bytes with_right_checksums(std::span<const std::uint8_t> bytes) {
  Bytes file(bytes.begin(), bytes.end());
  if (file.size() < kFileHeaderBytes) return file;
  const auto low = static_cast<std::uint32_t>(XXH3_64bits(file.data(), kFileHeaderBytes - 4));
  std::memcpy(file.data() + kFileHeaderBytes - 4, &low, sizeof low);
  std::size_t at = kFileHeaderBytes;
  while (file.size() - at >= kChunkHeaderBytes) {
    const ChunkHeader header = parse_chunk_header(std::span(file).subspan(at));
    const std::size_t payload = at + kChunkHeaderBytes;
    if (header.payload_bytes > file.size() - payload) break;
    set_checksum(
        file, at + 8,
        chunk_checksum(header.tag, std::span(file).subspan(payload, header.payload_bytes)));
    at = payload + header.payload_bytes;
  }
  if (file.size() - at == kTrailerBytes)
    set_checksum(file, at + 16, XXH3_64bits(file.data() + at, 16));
  return file;
}

// From the start and from the middle, with all columns.
void read_trace(const std::string& path) {
  TraceReader trace = TraceReader::open(path, {.addresses = true});
  const TraceSummary summary = summarize(trace);
  TraceReader middle = TraceReader::open(path, {.addresses = true, .start_at = summary.events / 2});
  EventBatch batch;
  while (middle.next(batch)) continue;
}

}  // namespace

bool fuzz_one(std::string_view format, std::span<const std::uint8_t> bytes) {
  static const MemoryFile file;
  try {
    if (format == "pmtrace") {
      file.fill(with_right_checksums(bytes));
      read_trace(file.path());
    } else {
      file.fill(bytes);
      trace_format_named(format).import_file(file.path(), "/dev/null", {.addresses = true});
    }
  } catch (const InputError&) {
    return false;
  }
  return true;
}

}  // namespace pymemlab::testing
