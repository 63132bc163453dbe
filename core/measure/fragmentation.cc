#include "core/measure/fragmentation.h"

#include <algorithm>
#include <deque>

namespace pymemlab {
namespace {

constexpr std::string_view kBelowFloor = "peak live bytes are below the floor for ratios";
constexpr std::string_view kNothing = "nothing was mapped";
constexpr std::string_view kNoDrain =
    "live bytes at the end are the peak of mapped bytes: nothing drained";
constexpr std::string_view kNoTeardown = "the trace has no mark \"teardown\"";
constexpr std::string_view kNoPymalloc = "pymalloc is not in use";
constexpr std::string_view kNotSeen = "a real CPython does not tell how full each arena is";

class Figures {
 public:
  explicit Figures(bool below_floor) : below_floor_(below_floor) {}

  void ratio(std::string_view name, double numerator, double denominator, double minus,
             std::string_view reason) {
    if (below_floor_) return none(name, kBelowFloor);
    if (denominator <= 0) return none(name, reason);
    rows_.push_back({.name = name, .value = numerator / denominator - minus, .reason = {}});
  }
  // 1 - part / whole.
  void share_lost(std::string_view name, std::uint64_t part, std::uint64_t whole) {
    if (below_floor_) return none(name, kBelowFloor);
    if (whole == 0) return none(name, kNothing);
    rows_.push_back({.name = name,
                     .value = 1 - static_cast<double>(part) / static_cast<double>(whole),
                     .reason = {}});
  }
  void none(std::string_view name, std::string_view reason) {
    rows_.push_back({.name = name, .value = std::nullopt, .reason = reason});
  }
  std::vector<Figure> take() { return std::move(rows_); }

 private:
  bool below_floor_;
  std::vector<Figure> rows_;
};

double real(std::uint64_t value) { return static_cast<double>(value); }

// Largest value in each window of `length` intervals that ends at an interval, window by window.
std::vector<std::uint64_t> sliding_maxima(const std::vector<IntervalPeak>& peaks,
                                          std::size_t length, std::uint64_t IntervalPeak::*member) {
  std::vector<std::uint64_t> maxima;
  std::deque<std::size_t> falling;  // indices within the window, their values falling
  for (std::size_t i = 0; i < peaks.size(); ++i) {
    while (!falling.empty() && peaks[falling.back()].*member <= peaks[i].*member)
      falling.pop_back();
    falling.push_back(i);
    if (falling.front() + length <= i) falling.pop_front();
    if (i + 1 >= length) maxima.push_back(peaks[falling.front()].*member);
  }
  return maxima;
}

// The window in which mapped bytes exceeded the live bytes of the same window most.
void window_realized(Figures& figures, const std::vector<IntervalPeak>& peaks,
                     const FragmentationOptions& options) {
  const auto length =
      std::max<std::size_t>(1, static_cast<std::size_t>(real(peaks.size()) * options.window));
  const std::vector<std::uint64_t> live = sliding_maxima(peaks, length, &IntervalPeak::live_bytes);
  const std::vector<std::uint64_t> mapped =
      sliding_maxima(peaks, length, &IntervalPeak::mapped_bytes);
  std::size_t worst = live.size();
  for (std::size_t i = 0; i < live.size(); ++i) {
    if (live[i] < std::max<std::uint64_t>(options.floor_bytes, 1)) continue;
    if (worst == live.size() ||
        real(mapped[i]) / real(live[i]) > real(mapped[worst]) / real(live[worst]))
      worst = i;
  }
  if (worst == live.size()) return figures.none("window_realized", kBelowFloor);
  figures.ratio("window_realized", real(mapped[worst]), real(live[worst]), 1, kNothing);
}

void retention(Figures& figures, std::string_view name, const FootprintSample& then,
               std::uint64_t peak_mapped) {
  const double drained = real(peak_mapped) - real(then.live_bytes);
  figures.ratio(name, real(then.mapped_bytes) - real(then.live_bytes), drained, 0, kNoDrain);
}

void pinned(Figures& figures, const Footprint& footprint, std::uint64_t arena_bytes) {
  constexpr std::array<std::string_view, 3> kNames = {"pinned_1pct", "pinned_5pct", "pinned_25pct"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (!footprint.peak_heap.in_use) {
      figures.none(kNames[i], kNoPymalloc);
    } else if (!footprint.peak_heap.pins_seen) {
      figures.none(kNames[i], kNotSeen);
    } else {
      figures.ratio(kNames[i], real(footprint.peak_heap.pins.below[i].arenas * arena_bytes),
                    real(footprint.peak_mapped.mapped_bytes), 0, kNothing);
    }
  }
}

}  // namespace

std::vector<Figure> fragmentation(const Footprint& footprint, std::uint64_t arena_bytes,
                                  const FragmentationOptions& options) {
  const FootprintScan& scan = footprint.scan;
  const FootprintSample& peak = footprint.peak_mapped;
  Figures figures(scan.peak_live_bytes < options.floor_bytes);
  figures.ratio("byte_time", scan.mapped_dt.value() - scan.live_dt.value(), scan.mapped_dt.value(),
                0, kNothing);
  figures.ratio("jw1", scan.mapped_over_live, real(scan.mapped_over_live_events), 1, kNothing);
  figures.ratio("jw2", real(scan.mapped_at_peak_live), real(scan.peak_live_bytes), 1, kNothing);
  figures.ratio("jw3", real(scan.peak_mapped_bytes), real(scan.live_at_peak_mapped), 1, kNothing);
  figures.ratio("jw4", real(scan.peak_mapped_bytes), real(scan.peak_live_bytes), 1, kNothing);

  const std::uint64_t padded = peak.live_bytes + peak.hook_bytes;
  const std::uint64_t usable = padded + peak.rounding_bytes;
  figures.share_lost("total_at_peak", peak.live_bytes, peak.mapped_bytes);
  figures.share_lost("internal_at_peak", peak.live_bytes, usable);
  figures.share_lost("hooks_at_peak", peak.live_bytes, padded);
  figures.share_lost("rounding_at_peak", padded, usable);
  figures.share_lost("external_at_peak", usable, peak.mapped_bytes);

  window_realized(figures, footprint.interval_peaks, options);
  retention(figures, "retention_after_drain", footprint.end, scan.peak_mapped_bytes);
  if (footprint.before_teardown) {
    retention(figures, "retention_before_teardown", *footprint.before_teardown,
              scan.peak_mapped_bytes);
  } else {
    figures.none("retention_before_teardown", kNoTeardown);
  }
  pinned(figures, footprint, arena_bytes);
  figures.ratio("oracle_gap_at_peak", real(peak.mapped_bytes), real(peak.packed_bytes), 0,
                kNothing);
  return figures.take();
}

}  // namespace pymemlab
