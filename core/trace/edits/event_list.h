// A whole trace in memory, of which any part can be written: what happens to blocks that are left
// out is left out with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/trace/event.h"
#include "core/trace/format.h"
#include "core/trace/metadata.h"

namespace pymemlab {

class EventList {
 public:
  static constexpr std::uint64_t kMostEvents = 50'000'000;  // 48 bytes each
  static constexpr std::uint32_t kNoBlock = 0xFFFFFFFFu;

  // Throws InputError for a trace with more events.
  // Keeps the optional columns that `wanted` has and the trace too.
  EventList(const std::string& path, const TraceWriterOptions& wanted);

  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(events_.size());
  }
  // The block that the event is about, by the number of its allocation.
  [[nodiscard]] std::uint32_t block_of(std::uint32_t event) const noexcept;
  // Writes the events whose numbers are `kept`, in order; takes out of `kept` what cannot be
  // written without the rest.
  void write(std::vector<std::uint32_t>& kept, const std::string& path, TraceMetadata metadata,
             const TraceWriterOptions& options) const;

  [[nodiscard]] const TraceMetadata& metadata() const noexcept { return metadata_; }
  [[nodiscard]] bool has_addresses() const noexcept { return has_addresses_; }
  [[nodiscard]] bool has_sites() const noexcept { return has_sites_; }
  [[nodiscard]] const std::optional<std::string>& damage() const noexcept { return damage_; }

 private:
  std::vector<Operation> events_;  // a slot is a block's number, an arena's, or a mark's
  std::vector<std::string> marks_;
  TraceMetadata metadata_;
  SiteTable sites_;
  bool has_addresses_ = false;
  bool has_sites_ = false;
  std::optional<std::string> damage_;
};

}  // namespace pymemlab
