// How long single calls took: distributions by operation and by size of the block, bounded in
// memory whatever the number of calls. docs/metrics.md ("Latency") defines the figures.
//
// A histogram is log-linear. Its buckets are the same in every run and on every machine:
//
//    0 to 64 ns        1 ns each
//    64 ns to 69 s     32 an octave: 2 ns each up to 128 ns, 4 ns each up to 256 ns, ...
//    above             one
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/replay/call.h"

namespace pymemlab {

// Plain values without padding; lives in memory that two processes share.
class LatencyHistogram {
 public:
  static constexpr std::size_t kOctaveBuckets = 32;
  static constexpr std::uint64_t kExactBelow = 2 * kOctaveBuckets;
  static constexpr unsigned kOctaves = 30;
  static constexpr std::size_t kBuckets = kExactBelow + kOctaves * kOctaveBuckets + 1;

  void add(double nanoseconds) noexcept {
    ++calls_[bucket_of(static_cast<std::uint64_t>(nanoseconds))];
    sum_ns_ += nanoseconds;
    if (nanoseconds > max_ns_) max_ns_ = nanoseconds;
  }
  void add(const LatencyHistogram& other) noexcept;

  [[nodiscard]] std::uint64_t calls() const noexcept;
  [[nodiscard]] double mean_ns() const noexcept;  // 0 without calls
  [[nodiscard]] double max_ns() const noexcept { return max_ns_; }
  // The duration that this share of the calls does not exceed, interpolated within its bucket, at
  // most max_ns(). 0 without calls. REQUIRES: 0 < share <= 1.
  [[nodiscard]] double quantile_ns(double share) const noexcept;

  [[nodiscard]] std::uint64_t calls_in(std::size_t bucket) const noexcept { return calls_[bucket]; }
  // The bucket holds from <= t < from of the next one.
  [[nodiscard]] static constexpr std::uint64_t from_ns(std::size_t bucket) noexcept {
    if (bucket < kExactBelow) return bucket;
    const std::size_t octave = (bucket - kExactBelow) / kOctaveBuckets;
    const std::size_t within = (bucket - kExactBelow) % kOctaveBuckets;
    return (kOctaveBuckets + within) << (octave + 1);
  }
  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t nanoseconds) noexcept {
    if (nanoseconds < kExactBelow) return static_cast<std::size_t>(nanoseconds);
    const auto octave =
        static_cast<unsigned>(63 - __builtin_clzll(nanoseconds)) - kExactBits;  // 0: from 64 ns on
    if (octave >= kOctaves) return kBuckets - 1;
    const std::uint64_t within = (nanoseconds >> (octave + 1)) - kOctaveBuckets;
    return kExactBelow + octave * kOctaveBuckets + static_cast<std::size_t>(within);
  }

 private:
  static constexpr unsigned kExactBits = 6;
  static_assert(1u << kExactBits == kExactBelow);

  std::array<std::uint64_t, kBuckets> calls_{};
  double sum_ns_ = 0;
  double max_ns_ = 0;
};
static_assert(LatencyHistogram::bucket_of(63) == 63 && LatencyHistogram::from_ns(63) == 63);
static_assert(LatencyHistogram::bucket_of(64) == 64 && LatencyHistogram::from_ns(65) == 66);
static_assert(LatencyHistogram::bucket_of(127) == 95 && LatencyHistogram::from_ns(96) == 128);
static_assert(LatencyHistogram::bucket_of(~0ull) == LatencyHistogram::kBuckets - 1);

// Ranges of request sizes: none at all, then pymalloc's size classes, then octaves up to 1 GiB,
// then whatever is larger. The size is that of the block afterwards, of a free that of the block
// before.
class SizeRanges {
 public:
  static constexpr std::size_t kMost = 1 + 64 + 21 + 1;

  // REQUIRES: alignment is 8 or 16, as pymalloc's is.
  explicit constexpr SizeRanges(std::size_t alignment) noexcept
      : alignment_(alignment), small_(kSmallLimit / alignment) {}

  [[nodiscard]] constexpr std::size_t count() const noexcept { return 1 + small_ + kOctaves + 1; }
  [[nodiscard]] constexpr std::size_t of(std::uint64_t bytes) const noexcept {
    if (bytes <= kSmallLimit)
      return static_cast<std::size_t>((bytes + alignment_ - 1) / alignment_);
    const auto octave = static_cast<unsigned>(63 - __builtin_clzll(bytes - 1)) - kSmallBits;
    return 1 + small_ + (octave < kOctaves ? octave : kOctaves);
  }
  // Of the requests in the range.
  [[nodiscard]] constexpr std::uint64_t from_bytes(std::size_t range) const noexcept {
    return range == 0 ? 0 : to_bytes(range - 1) + 1;
  }
  [[nodiscard]] constexpr std::uint64_t to_bytes(std::size_t range) const noexcept {
    if (range <= small_) return range * alignment_;
    const std::size_t octave = range - small_ - 1;
    return octave < kOctaves ? std::uint64_t{2 * kSmallLimit} << octave : ~std::uint64_t{0};
  }

 private:
  static constexpr std::size_t kSmallLimit = 512;
  static constexpr unsigned kSmallBits = 9;
  static constexpr unsigned kOctaves = 21;

  std::size_t alignment_;
  std::size_t small_;
};
static_assert(SizeRanges(16).of(0) == 0 && SizeRanges(16).of(1) == 1 && SizeRanges(16).of(16) == 1);
static_assert(SizeRanges(16).of(512) == 32 && SizeRanges(8).of(512) == 64);
static_assert(SizeRanges(16).of(513) == 33 && SizeRanges(16).to_bytes(33) == 1024);
static_assert(SizeRanges(16).of(1ull << 30) == 53 && SizeRanges(16).to_bytes(53) == 1ull << 30);
static_assert(SizeRanges(16).of(~0ull) == 54 && SizeRanges(16).count() == 55);
static_assert(SizeRanges(8).count() == SizeRanges::kMost);

// Where a pass puts what it sees: a histogram for each kind and range, and one of empty calls.
class LatencyTable {
 public:
  static constexpr std::size_t kHistograms = kCallKinds * SizeRanges::kMost + 1;

  // REQUIRES: kHistograms of them.
  explicit LatencyTable(std::span<LatencyHistogram> histograms) noexcept
      : histograms_(histograms) {}
  [[nodiscard]] LatencyHistogram& at(CallKind kind, std::size_t range) const noexcept {
    return histograms_[static_cast<std::size_t>(kind) * SizeRanges::kMost + range];
  }
  [[nodiscard]] LatencyHistogram& empty_calls() const noexcept { return histograms_.back(); }

 private:
  std::span<LatencyHistogram> histograms_;
};

// What times a call, and what it reads when there is nothing to time. Nothing of this is subtracted
// from any figure.
struct LatencyTimer {
  std::string clock;             // "tsc" or "clock_gettime"
  double resolution_ns = 0;      // one step of it
  double overhead_ns = 0;        // median of two readings with nothing between them
  LatencyHistogram empty_calls;  // a call through a record to a function that returns at once
};

struct Latency {
  struct Row {
    CallKind kind;
    std::uint64_t from_bytes;
    std::uint64_t to_bytes;
    LatencyHistogram histogram;
  };
  LatencyTimer timer;
  std::vector<Row> sizes;  // those with calls, by kind, then ascending
};

}  // namespace pymemlab
