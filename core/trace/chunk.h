// The container of a trace file: chunks of columns (docs/trace-format.md, "Chunks"). This layer
// knows tags, lengths, checksums and compression, and nothing of events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/os/file.h"

namespace pymemlab {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint16_t kFormatMajor = 1;
inline constexpr std::uint16_t kFormatMinor = 0;
inline constexpr std::size_t kFileHeaderBytes = 16;
inline constexpr std::size_t kChunkHeaderBytes = 16;
inline constexpr std::size_t kTrailerBytes = 32;

// The limits of the format: nothing larger is written, allocated for, or read.
inline constexpr std::uint32_t kMaxChunkBytes = 256u << 20;   // stored, without its header
inline constexpr std::uint32_t kMaxColumnBytes = 256u << 20;  // decompressed
inline constexpr std::uint32_t kMaxColumns = 64;              // in a chunk
inline constexpr std::uint32_t kMaxChunkEvents = 1u << 20;
inline constexpr std::uint32_t kMaxLiveBlocks = 1u << 28;
inline constexpr std::uint32_t kMaxKeySlots = 1u << 25;  // a key chunk of more is not written
inline constexpr std::uint32_t kMaxMetadataBytes = 16u << 20;
inline constexpr std::uint32_t kMaxMarkBytes = 1u << 20;  // one mark's text

// A tag is four letters; a small first letter marks a chunk that a reader may skip.
constexpr std::uint32_t chunk_tag(const char (&letters)[5]) noexcept {
  std::uint32_t tag = 0;
  for (int i = 0; i < 4; ++i)
    tag |= static_cast<std::uint32_t>(static_cast<unsigned char>(letters[i])) << (8 * i);
  return tag;
}
inline constexpr std::uint32_t kMetadataTag = chunk_tag("META");
inline constexpr std::uint32_t kEventsTag = chunk_tag("EVTS");
inline constexpr std::uint32_t kKeyTag = chunk_tag("keys");
inline constexpr std::uint32_t kIndexTag = chunk_tag("indx");
constexpr bool is_optional_chunk(std::uint32_t tag) noexcept { return (tag & 0x20u) != 0; }

// Columns of all kinds of chunk. This bit marks a column that a reader may skip.
inline constexpr std::uint16_t kOptionalColumn = 0x8000;

struct ChunkHeader {
  std::uint32_t tag = 0;
  std::uint32_t payload_bytes = 0;
  std::uint64_t checksum = 0;
};

// Where a chunk lies, as the index has it.
struct ChunkPlace {
  std::uint32_t tag = 0;
  std::uint64_t offset = 0;       // of its header, from the start of the file
  std::uint64_t first_event = 0;  // number of the first event in it or, for the others, after it
};

[[nodiscard]] std::uint64_t chunk_checksum(std::uint32_t tag,
                                           std::span<const std::uint8_t> payload) noexcept;

// Collects a chunk's columns, compresses them one by one and writes the chunk.
class ChunkBuilder {
 public:
  explicit ChunkBuilder(int compression_level);
  ChunkBuilder(const ChunkBuilder&) = delete;
  ChunkBuilder& operator=(const ChunkBuilder&) = delete;
  ~ChunkBuilder();

  // Leaves out empty columns: a reader takes an absent column for an empty one.
  void add(std::uint16_t column, std::span<const std::uint8_t> bytes);
  // Header and payload, ready to be written. Empty if the chunk would break the format's limits.
  // Forgets the columns.
  [[nodiscard]] Bytes finish(std::uint32_t tag);

 private:
  struct Entry;
  int level_;
  void* context_;  // ZSTD_CCtx
  Bytes directory_;
  Bytes data_;
  std::uint32_t columns_ = 0;
  bool too_large_ = false;
};

// A checked chunk, taken apart.
class ChunkReader {
 public:
  ChunkReader();
  ChunkReader(const ChunkReader&) = delete;
  ChunkReader& operator=(const ChunkReader&) = delete;
  ~ChunkReader();

  // Takes the directory apart. `place` names the chunk in errors; `known` are the columns that the
  // caller will ask for: any other must be optional. Throws InputError. The payload must outlive
  // it.
  void open(std::span<const std::uint8_t> payload, std::span<const std::uint16_t> known,
            std::string place);
  // Decompresses a column into `out`, followed by VarintReader::kPadding bytes that are not counted
  // in the result. Throws InputError when it is larger than `limit` or no valid coding.
  std::size_t column(std::uint16_t id, std::size_t limit, Bytes& out);

  [[nodiscard]] const std::string& place() const noexcept { return place_; }

 private:
  struct Entry {
    std::uint16_t id = 0;
    std::uint16_t coding = 0;
    std::uint32_t bytes = 0;
    std::uint32_t stored_bytes = 0;
    std::size_t offset = 0;  // in the payload
  };
  void* context_;  // ZSTD_DCtx
  std::span<const std::uint8_t> payload_;
  std::vector<Entry> entries_;
  std::string place_;
};

[[nodiscard]] Bytes file_header();
// Throws InputError for what is no trace or one of a newer major version.
void check_file_header(std::span<const std::uint8_t> bytes, const std::string& path);

[[nodiscard]] Bytes trailer(std::uint64_t index_offset, std::uint64_t events);
struct Trailer {
  std::uint64_t index_offset = 0;
  std::uint64_t events = 0;
};
// Nothing if the bytes are no trailer.
[[nodiscard]] std::optional<Trailer> parse_trailer(std::span<const std::uint8_t> bytes) noexcept;

[[nodiscard]] ChunkHeader parse_chunk_header(std::span<const std::uint8_t> bytes) noexcept;

}  // namespace pymemlab
