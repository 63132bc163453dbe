#include "core/trace/formats/input_stream.h"

#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/input_error.h"
#include "core/os/file.h"

namespace pymemlab {
namespace {

using Room = std::span<std::byte>;

// The bytes of the file itself, through a buffer.
class RawInput {
 public:
  explicit RawInput(const std::string& path) : file_(File::open_to_read(path)), buffer_(kBytes) {
    fill();
  }

  [[nodiscard]] const std::string& path() const noexcept { return file_.path(); }
  // What is in the buffer and not taken; empty at the end of the file.
  [[nodiscard]] std::span<const std::byte> ready() {
    if (begin_ == end_) fill();
    return {buffer_.data() + begin_, end_ - begin_};
  }
  void take(std::size_t bytes) noexcept { begin_ += bytes; }
  // False if the file ends before.
  [[nodiscard]] bool skip(std::uint64_t bytes) {
    while (bytes > 0) {
      const std::size_t step =
          static_cast<std::size_t>(std::min<std::uint64_t>(bytes, ready().size()));
      if (step == 0) return false;
      take(step);
      bytes -= step;
    }
    return true;
  }
  [[nodiscard]] std::uint64_t offset() const noexcept { return read_ - (end_ - begin_); }

 private:
  static constexpr std::size_t kBytes = 1u << 16;

  void fill() {
    begin_ = 0;
    end_ = file_.read(Room(buffer_));
    read_ += end_;
  }

  File file_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t read_ = 0;
};

[[noreturn]] void refuse(const RawInput& raw, std::string_view coding, std::string_view fault) {
  throw InputError("{}: the {} data is damaged near byte {}: {}", raw.path(), coding, raw.offset(),
                   fault);
}

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Some of the content, at least one byte unless it has ended.
  virtual std::size_t some(RawInput& raw, Room bytes) = 0;
  // Whether the end that was met may be one.
  [[nodiscard]] virtual bool complete() const noexcept { return true; }
};

class PlainDecoder final : public Decoder {
 public:
  std::size_t some(RawInput& raw, Room bytes) override {
    const std::span<const std::byte> ready = raw.ready();
    const std::size_t step = std::min(ready.size(), bytes.size());
    std::memcpy(bytes.data(), ready.data(), step);
    raw.take(step);
    return step;
  }
};

// Frames, any number of them one after the other.
class FrameDecoder : public Decoder {
 public:
  std::size_t some(RawInput& raw, Room bytes) final {
    std::size_t written = 0;
    while (written == 0) {
      const std::span<const std::byte> ready = raw.ready();
      if (ready.empty() && complete()) break;
      const Step step = decode(ready, bytes);
      raw.take(step.taken);
      if (step.fault != nullptr) refuse(raw, coding(), step.fault);
      inside_frame_ = step.inside_frame;
      written = step.written;
      if (ready.empty()) break;
    }
    return written;
  }
  [[nodiscard]] bool complete() const noexcept final { return !inside_frame_; }

 protected:
  struct Step {
    std::size_t taken = 0;
    std::size_t written = 0;
    bool inside_frame = false;
    const char* fault = nullptr;
  };
  virtual Step decode(std::span<const std::byte> from, Room to) = 0;
  [[nodiscard]] virtual std::string_view coding() const noexcept = 0;

 private:
  bool inside_frame_ = false;
};

class ZstdDecoder final : public FrameDecoder {
 public:
  ZstdDecoder() : stream_(ZSTD_createDStream()) {}

 private:
  Step decode(std::span<const std::byte> from, Room to) override {
    ZSTD_outBuffer out{to.data(), to.size(), 0};
    ZSTD_inBuffer in{from.data(), from.size(), 0};
    const std::size_t wanted = ZSTD_decompressStream(stream_.get(), &out, &in);
    return {in.pos, out.pos, wanted != 0,
            ZSTD_isError(wanted) != 0 ? ZSTD_getErrorName(wanted) : nullptr};
  }
  [[nodiscard]] std::string_view coding() const noexcept override { return "zstd"; }

  struct Free {
    void operator()(ZSTD_DStream* stream) const noexcept { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_;
};

class Lz4Decoder final : public FrameDecoder {
 public:
  Lz4Decoder() {
    LZ4F_dctx* context = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0)
      throw std::bad_alloc();
    context_.reset(context);
  }

 private:
  Step decode(std::span<const std::byte> from, Room to) override {
    std::size_t taken = from.size();
    std::size_t written = to.size();
    const std::size_t wanted =
        LZ4F_decompress(context_.get(), to.data(), &written, from.data(), &taken, nullptr);
    return {taken, written, wanted != 0,
            LZ4F_isError(wanted) != 0 ? LZ4F_getErrorName(wanted) : nullptr};
  }
  [[nodiscard]] std::string_view coding() const noexcept override { return "LZ4"; }

  struct Free {
    void operator()(LZ4F_dctx* context) const noexcept { LZ4F_freeDecompressionContext(context); }
  };
  std::unique_ptr<LZ4F_dctx, Free> context_;
};

// gzip, or the bare data of a zip archive's file.
class InflateDecoder final : public Decoder {
 public:
  static constexpr int kGzip = 15 + 16;
  static constexpr int kBare = -15;

  explicit InflateDecoder(int window_bits) : bare_(window_bits == kBare) {
    if (inflateInit2(&stream_, window_bits) != Z_OK) throw std::bad_alloc();
  }
  InflateDecoder(const InflateDecoder&) = delete;
  InflateDecoder& operator=(const InflateDecoder&) = delete;
  ~InflateDecoder() override { inflateEnd(&stream_); }

  std::size_t some(RawInput& raw, Room bytes) override {
    stream_.next_out = reinterpret_cast<Bytef*>(bytes.data());
    stream_.avail_out = static_cast<uInt>(bytes.size());
    while (stream_.avail_out == bytes.size() && start_member(raw)) {
      const std::span<const std::byte> ready = raw.ready();
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(ready.data()));
      stream_.avail_in = static_cast<uInt>(ready.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      raw.take(ready.size() - stream_.avail_in);
      if (result == Z_STREAM_END) {
        inside_ = false;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        refuse(raw, bare_ ? "zip" : "gzip", stream_.msg == nullptr ? "no gzip" : stream_.msg);
      }
      if (result == Z_BUF_ERROR && ready.empty()) break;
    }
    return bytes.size() - stream_.avail_out;
  }
  [[nodiscard]] bool complete() const noexcept override { return !inside_; }

 private:
  // False where the content ends: gzip members may follow one another, a zip's file stands alone.
  bool start_member(RawInput& raw) {
    if (inside_) return true;
    if (started_ && (bare_ || raw.ready().empty())) return false;
    inflateReset(&stream_);
    started_ = true;
    inside_ = true;
    return true;
  }

  z_stream stream_{};
  bool bare_;
  bool started_ = false;
  bool inside_ = false;
};

std::uint32_t little(std::span<const std::byte> bytes, std::size_t at, std::size_t width) {
  std::uint32_t value = 0;
  for (std::size_t i = width; i-- > 0;)
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

// The file that a zip archive starts with, by its local header: what follows is not read.
std::unique_ptr<Decoder> open_zip(RawInput& raw) {
  constexpr std::size_t kHeaderBytes = 30;
  const std::span<const std::byte> head = raw.ready();
  if (head.size() < kHeaderBytes) refuse(raw, "zip", "it ends inside its first header");
  constexpr std::uint32_t kDeflated = 8;
  if (little(head, 6, 2) & 1u) refuse(raw, "zip", "the file in it is encrypted");
  if (little(head, 8, 2) != kDeflated) refuse(raw, "zip", "the file in it is not deflated");
  const std::uint64_t names = little(head, 26, 2) + little(head, 28, 2);
  if (!raw.skip(kHeaderBytes + names)) refuse(raw, "zip", "it ends inside its first header");
  return std::make_unique<InflateDecoder>(InflateDecoder::kBare);
}

std::unique_ptr<Decoder> decoder_for(RawInput& raw) {
  const std::span<const std::byte> head = raw.ready();
  const auto starts_with = [head](std::string_view magic) {
    return head.size() >= magic.size() && std::memcmp(head.data(), magic.data(), magic.size()) == 0;
  };
  if (starts_with("\x28\xB5\x2F\xFD")) return std::make_unique<ZstdDecoder>();
  if (starts_with("\x04\x22\x4D\x18")) return std::make_unique<Lz4Decoder>();
  if (starts_with("\x1F\x8B")) return std::make_unique<InflateDecoder>(InflateDecoder::kGzip);
  if (starts_with("PK\x03\x04")) return open_zip(raw);
  return std::make_unique<PlainDecoder>();
}

}  // namespace

class InputStream::Impl {
 public:
  explicit Impl(const std::string& path) : raw_(path), decoder_(decoder_for(raw_)) {}

  std::size_t read(Room bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const std::size_t step = decoder_->some(raw_, bytes.subspan(done));
      if (step == 0) break;
      done += step;
    }
    offset_ += done;
    if (done < bytes.size() && !decoder_->complete())
      damage_ =
          fmt::format("{}: the compressed data is cut off at byte {}; what is before was read",
                      raw_.path(), raw_.offset());
    return done;
  }
  [[nodiscard]] const std::string& path() const noexcept { return raw_.path(); }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] const std::optional<std::string>& damage() const noexcept { return damage_; }

 private:
  RawInput raw_;
  std::unique_ptr<Decoder> decoder_;
  std::uint64_t offset_ = 0;
  std::optional<std::string> damage_;
};

InputStream::InputStream(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
InputStream::InputStream(InputStream&&) noexcept = default;
InputStream& InputStream::operator=(InputStream&&) noexcept = default;
InputStream::~InputStream() = default;

const std::string& InputStream::path() const noexcept { return impl_->path(); }
std::size_t InputStream::read(std::span<std::byte> bytes) { return impl_->read(bytes); }
std::uint64_t InputStream::offset() const noexcept { return impl_->offset(); }
const std::optional<std::string>& InputStream::damage() const noexcept { return impl_->damage(); }

}  // namespace pymemlab
