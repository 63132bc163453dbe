#include "core/trace/chunk.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "core/base/input_error.h"
#include "core/trace/little_endian.h"
#include "core/trace/varint.h"
#include "core/trace/xxh3.h"

namespace pymemlab {
namespace {

// The first byte is no text, the line ends show a transfer as text, 1A ends a listing.
constexpr std::array<std::uint8_t, 8> kMagic = {0x89, 'P', 'M', 'T', '\r', '\n', 0x1A, '\n'};
constexpr std::array<std::uint8_t, 8> kTrailerMagic = {'P', 'M', 'T', '-', 'E', 'N', 'D', '\n'};

constexpr std::size_t kDirectoryEntryBytes = 12;
constexpr std::uint16_t kStored = 0;
constexpr std::uint16_t kZstd = 1;
// Compression that saves less is not worth its name: small columns stay legible.
constexpr std::size_t kLeastSaving = 64;

std::uint64_t checksum(std::span<const std::uint8_t> bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace

std::uint64_t chunk_checksum(std::uint32_t tag, std::span<const std::uint8_t> payload) noexcept {
  return XXH3_64bits_withSeed(payload.data(), payload.size(),
                              tag | std::uint64_t{payload.size()} << 32);
}

ChunkBuilder::ChunkBuilder(int compression_level)
    : level_(compression_level), context_(ZSTD_createCCtx()) {
  if (context_ == nullptr) throw std::bad_alloc();
}

ChunkBuilder::~ChunkBuilder() { ZSTD_freeCCtx(static_cast<ZSTD_CCtx*>(context_)); }

void ChunkBuilder::add(std::uint16_t column, std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  if (bytes.size() > kMaxColumnBytes) {
    too_large_ = true;
    return;
  }
  const std::size_t before = data_.size();
  data_.resize(before + ZSTD_compressBound(bytes.size()));
  const std::size_t compressed =
      level_ == 0 ? bytes.size()
                  : ZSTD_compressCCtx(static_cast<ZSTD_CCtx*>(context_), data_.data() + before,
                                      data_.size() - before, bytes.data(), bytes.size(), level_);
  const bool worthwhile =
      ZSTD_isError(compressed) == 0 && compressed + kLeastSaving <= bytes.size();
  const std::size_t stored = worthwhile ? compressed : bytes.size();
  if (!worthwhile) std::copy(bytes.begin(), bytes.end(), data_.begin() + std::ptrdiff_t(before));
  data_.resize(before + stored);
  put_fixed(directory_, column);
  put_fixed(directory_, worthwhile ? kZstd : kStored);
  put_fixed(directory_, static_cast<std::uint32_t>(bytes.size()));
  put_fixed(directory_, static_cast<std::uint32_t>(stored));
  ++columns_;
}

Bytes ChunkBuilder::finish(std::uint32_t tag) {
  Bytes chunk;
  const std::size_t payload_bytes = 4 + directory_.size() + data_.size();
  if (!too_large_ && payload_bytes <= kMaxChunkBytes) {
    chunk.reserve(kChunkHeaderBytes + payload_bytes);
    put_fixed(chunk, tag);
    put_fixed(chunk, static_cast<std::uint32_t>(payload_bytes));
    put_fixed(chunk, std::uint64_t{0});
    put_fixed(chunk, columns_);
    chunk.insert(chunk.end(), directory_.begin(), directory_.end());
    chunk.insert(chunk.end(), data_.begin(), data_.end());
    const std::uint64_t sum = chunk_checksum(tag, std::span(chunk).subspan(kChunkHeaderBytes));
    std::memcpy(chunk.data() + 8, &sum, sizeof sum);
  }
  directory_.clear();
  data_.clear();
  columns_ = 0;
  too_large_ = false;
  return chunk;
}

ChunkReader::ChunkReader() : context_(ZSTD_createDCtx()) {
  if (context_ == nullptr) throw std::bad_alloc();
}

ChunkReader::~ChunkReader() { ZSTD_freeDCtx(static_cast<ZSTD_DCtx*>(context_)); }

void ChunkReader::open(std::span<const std::uint8_t> payload, std::span<const std::uint16_t> known,
                       std::string place) {
  payload_ = payload;
  place_ = std::move(place);
  entries_.clear();
  const std::uint32_t columns = payload.size() < 4 ? 0 : get_fixed<std::uint32_t>(payload.data());
  if (columns > kMaxColumns || payload.size() < 4 + columns * kDirectoryEntryBytes)
    throw InputError("{}: impossible coding: a directory of {} columns in {} bytes", place_,
                     columns, payload.size());
  std::size_t offset = 4 + columns * kDirectoryEntryBytes;
  for (std::uint32_t i = 0; i < columns; ++i) {
    const std::uint8_t* from = payload.data() + 4 + i * kDirectoryEntryBytes;
    const Entry entry{.id = get_fixed<std::uint16_t>(from),
                      .coding = get_fixed<std::uint16_t>(from + 2),
                      .bytes = get_fixed<std::uint32_t>(from + 4),
                      .stored_bytes = get_fixed<std::uint32_t>(from + 8),
                      .offset = offset};
    if (entry.stored_bytes > payload.size() - offset)
      throw InputError("{}: impossible coding: column {} runs over the end of its chunk", place_,
                       entry.id);
    offset += entry.stored_bytes;
    if (std::find(known.begin(), known.end(), entry.id) != known.end()) {
      entries_.push_back(entry);
    } else if ((entry.id & kOptionalColumn) == 0) {
      throw InputError(
          "{}: has column {}, which this version (format {}.{}) does not know and which may not be "
          "skipped: read it with a newer pymemlab",
          place_, entry.id, kFormatMajor, kFormatMinor);
    }
  }
}

std::size_t ChunkReader::column(std::uint16_t id, std::size_t limit, Bytes& out) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [id](const Entry& entry) { return entry.id == id; });
  const Entry entry = found == entries_.end() ? Entry{} : *found;
  if (entry.bytes > std::min<std::size_t>(limit, kMaxColumnBytes))
    throw InputError("{}: impossible coding: column {} claims {} bytes; at most {} are allowed",
                     place_, id, entry.bytes, limit);
  const std::size_t padded = entry.bytes + VarintReader::kPadding;
  if (out.size() < padded) out.resize(padded);
  const std::span<const std::uint8_t> stored = payload_.subspan(entry.offset, entry.stored_bytes);
  bool valid = false;
  if (entry.coding == kStored) {
    valid = entry.stored_bytes == entry.bytes;
    if (valid) std::copy(stored.begin(), stored.end(), out.begin());
  } else if (entry.coding == kZstd) {
    valid = ZSTD_decompressDCtx(static_cast<ZSTD_DCtx*>(context_), out.data(), entry.bytes,
                                stored.data(), stored.size()) == entry.bytes;
  }
  if (!valid)
    throw InputError("{}: impossible coding: column {} does not decompress to its {} bytes", place_,
                     id, entry.bytes);
  std::fill_n(out.begin() + entry.bytes, VarintReader::kPadding, std::uint8_t{0});
  return entry.bytes;
}

Bytes file_header() {
  Bytes header(kMagic.begin(), kMagic.end());
  put_fixed(header, kFormatMajor);
  put_fixed(header, kFormatMinor);
  put_fixed(header, static_cast<std::uint32_t>(checksum(header)));
  return header;
}

void check_file_header(std::span<const std::uint8_t> bytes, const std::string& path) {
  if (bytes.empty()) throw InputError("{}: not a trace: the file is empty", path);
  const std::size_t compared = std::min(bytes.size(), kMagic.size());
  if (!std::equal(kMagic.begin(), kMagic.begin() + std::ptrdiff_t(compared), bytes.begin()))
    throw InputError(
        "{}: not a trace: its first bytes are not those of a .pmtrace file (for another format, "
        "try pymemlab convert)",
        path);
  if (bytes.size() < kFileHeaderBytes)
    throw InputError("{}: a trace cut off at byte {}, inside its header: nothing can be read", path,
                     bytes.size());
  const auto major = get_fixed<std::uint16_t>(bytes.data() + 8);
  const auto minor = get_fixed<std::uint16_t>(bytes.data() + 10);
  if (major > kFormatMajor)
    throw InputError(
        "{}: written in trace format {}.{}; this pymemlab reads up to {}.x: read it with a newer "
        "one",
        path, major, minor, kFormatMajor);
  if (major == 0 || get_fixed<std::uint32_t>(bytes.data() + 12) !=
                        static_cast<std::uint32_t>(checksum(bytes.first(12))))
    throw InputError("{}: a trace with a damaged header: its checksum does not match", path);
}

Bytes trailer(std::uint64_t index_offset, std::uint64_t events) {
  Bytes bytes;
  put_fixed(bytes, index_offset);
  put_fixed(bytes, events);
  put_fixed(bytes, checksum(bytes));
  bytes.insert(bytes.end(), kTrailerMagic.begin(), kTrailerMagic.end());
  return bytes;
}

std::optional<Trailer> parse_trailer(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.size() != kTrailerBytes ||
      !std::equal(kTrailerMagic.begin(), kTrailerMagic.end(), bytes.begin() + 24) ||
      get_fixed<std::uint64_t>(bytes.data() + 16) != checksum(bytes.first(16)))
    return std::nullopt;
  return Trailer{.index_offset = get_fixed<std::uint64_t>(bytes.data()),
                 .events = get_fixed<std::uint64_t>(bytes.data() + 8)};
}

ChunkHeader parse_chunk_header(std::span<const std::uint8_t> bytes) noexcept {
  return {.tag = get_fixed<std::uint32_t>(bytes.data()),
          .payload_bytes = get_fixed<std::uint32_t>(bytes.data() + 4),
          .checksum = get_fixed<std::uint64_t>(bytes.data() + 8)};
}

}  // namespace pymemlab
