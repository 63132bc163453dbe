// A trace's replay events, decoded once for all the replays of a run, where memory allows: decoding
// takes longer than most replays.
#pragma once

#include <optional>
#include <vector>

#include "core/measure/measurement.h"

namespace pymemlab {

class DecodedTrace {
 public:
  // Nothing if its events would take more than `most_bytes`; their side words and the frees after
  // them are not counted. Throws InputError.
  [[nodiscard]] static std::optional<DecodedTrace> read(const MeasuredTrace& trace,
                                                        std::uint64_t most_bytes);

  // What ReplayFeed::fill and ReplayFeed::fill_clean_up give, from a place in the whole.
  struct Place {
    std::size_t event = 0;
    std::size_t wide = 0;
  };
  [[nodiscard]] ReplayFeed::Filled fill(Place& from, std::span<ReplayEvent> events,
                                        std::span<std::uint64_t> wide) const;
  [[nodiscard]] std::size_t fill_clean_up(std::size_t& from, std::span<ReplayEvent> events) const;

 private:
  std::vector<ReplayEvent> events_;
  std::vector<std::uint64_t> wide_;
  std::vector<ReplayEvent> clean_up_;
};

}  // namespace pymemlab
