#include "core/trace/chunk_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace pymemlab {
namespace {

// A length that is not yet backed by data is believed in steps of this many bytes.
constexpr std::size_t kReadStep = 4u << 20;

std::span<std::byte> writable(std::span<std::uint8_t> bytes) {
  return std::as_writable_bytes(bytes);
}

}  // namespace

ChunkSource::ChunkSource(File file) : file_(std::move(file)), size_(file_.size()) {
  std::array<std::uint8_t, kFileHeaderBytes> header{};
  const std::size_t got = file_.read(writable(header));
  check_file_header(std::span(header).first(got), file_.path());
  offset_ = kFileHeaderBytes;
}

std::optional<ChunkSource::Chunk> ChunkSource::next() {
  std::array<std::uint8_t, kChunkHeaderBytes> bytes{};
  const std::size_t got = file_.read(writable(bytes));
  if (got < bytes.size()) {
    fault_ = got == 0
                 ? fmt::format("ends at byte {} without an index: it was never finished", offset_)
                 : fmt::format("is cut off at byte {}", offset_ + got);
    return std::nullopt;
  }
  const ChunkHeader header = parse_chunk_header(bytes);
  if (header.payload_bytes > kMaxChunkBytes) {
    fault_ = fmt::format("is damaged at byte {}: no chunk starts there", offset_);
    return std::nullopt;
  }
  if (!read_payload(header.payload_bytes)) return std::nullopt;
  const std::span<const std::uint8_t> payload(payload_.data(), header.payload_bytes);
  if (chunk_checksum(header.tag, payload) != header.checksum) {
    fault_ =
        fmt::format("is damaged in the chunk at byte {}: its checksum does not match", offset_);
    return std::nullopt;
  }
  const Chunk chunk{header.tag, offset_, payload};
  offset_ += kChunkHeaderBytes + payload.size();
  return chunk;
}

bool ChunkSource::read_payload(std::uint32_t bytes) {
  if (size_ && offset_ + kChunkHeaderBytes + bytes > *size_) {
    fault_ = fmt::format("ends at byte {}, inside the chunk at byte {}", *size_, offset_);
    return false;
  }
  std::size_t done = 0;
  while (done < bytes) {
    const std::size_t step = std::min<std::size_t>(bytes - done, kReadStep);
    if (payload_.size() < done + step) payload_.resize(done + step);
    const std::size_t got = file_.read(writable(std::span(payload_).subspan(done, step)));
    done += got;
    if (got == step) continue;
    fault_ = fmt::format("is cut off at byte {}", offset_ + kChunkHeaderBytes + done);
    return false;
  }
  return true;
}

bool ChunkSource::at_trailer() {
  std::array<std::uint8_t, kTrailerBytes + 1> bytes{};
  const std::size_t got = file_.read(writable(bytes));
  return parse_trailer(std::span(bytes).first(got)).has_value();
}

std::optional<Trailer> ChunkSource::find_trailer() {
  if (!size_ || *size_ < kFileHeaderBytes + kTrailerBytes) return std::nullopt;
  seek(*size_ - kTrailerBytes);
  std::array<std::uint8_t, kTrailerBytes> bytes{};
  const std::size_t got = file_.read(writable(bytes));
  const std::optional<Trailer> found = parse_trailer(std::span(bytes).first(got));
  if (!found || found->index_offset < kFileHeaderBytes || found->index_offset >= *size_)
    return std::nullopt;
  return found;
}

void ChunkSource::seek(std::uint64_t offset) {
  file_.seek(offset);
  offset_ = offset;
}

std::optional<std::uint64_t> ChunkSource::bytes_left() const noexcept {
  if (!size_) return std::nullopt;
  return *size_ - std::min(*size_, offset_);
}

}  // namespace pymemlab
