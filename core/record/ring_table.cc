#include "core/record/ring_table.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/base/input_error.h"

namespace pymemlab {
namespace {

bool is_gone(std::uint32_t process) noexcept {
  return kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH;
}

}  // namespace

RingTable::RingTable(const RingTableOptions& options)
    : options_(options),
      file_(MemoryFile::create("pymemlab-table", sizeof(ring::Table))),
      region_(MappedRegion::shared(file_.descriptor(), sizeof(ring::Table))),
      table_(reinterpret_cast<ring::Table*>(region_.data())) {
  table_->version = ring::kVersion;
  table_->collector = static_cast<std::uint32_t>(getpid());
  table_->follows_tree = options.follow_tree ? 1 : 0;
  table_->takes_checkpoints = options.checkpoints ? 1 : 0;
  table_->checkpoint_every = options.checkpoint_every;
  table_->site_depth = options.site_depth;
  table_->magic = ring::kTableMagic;
  for (std::size_t seat = 0; seat < (options.follow_tree ? ring::kSeats : 1); ++seat) offer(seat);
}

std::string RingTable::path() const {
  return fmt::format("/proc/{}/fd/{}", getpid(), file_.descriptor());
}

std::string RingTable::variable(const std::string& component) const {
  return fmt::format("{}:{}", path(), component);
}

void RingTable::offer(std::size_t seat) {
  rings_[seat] = std::make_unique<RingReader>(++serial_);
  rings_[seat]->set_paused(options_.paused);
  table_->seats[seat].descriptor.store(rings_[seat]->descriptor());
  table_->seats[seat].owner.store(ring::Seat::kOffered);
}

void RingTable::set_paused(bool paused) noexcept {
  options_.paused = paused;
  for (const auto& ring : rings_) {
    if (ring != nullptr) ring->set_paused(paused);
  }
}

// With no descriptor or memory left for another ring the seats stay closed for now; a process that
// finds none in time is turned away, which is counted.
void RingTable::refill() {
  if (!options_.follow_tree) return;
  for (std::size_t seat = 0; seat < ring::kSeats; ++seat) {
    if (rings_[seat] != nullptr) continue;
    try {
      offer(seat);
    } catch (const InputError&) {
      return;
    }
  }
}

std::vector<std::unique_ptr<RingReader>> RingTable::taken() {
  std::vector<std::unique_ptr<RingReader>> taken;
  for (std::size_t i = 0; i < ring::kSeats; ++i) {
    ring::Seat& seat = table_->seats[i];
    const std::uint32_t owner = seat.owner.load();
    if (owner == ring::Seat::kClosed || owner == ring::Seat::kOffered) continue;
    // Looked at before the ring: what has ended says nothing more.
    const bool gone = is_gone(owner);
    const bool hooked = rings_[i]->header().state.load() != ring::State::waiting;
    if (!hooked && !gone) continue;
    seat.owner.store(ring::Seat::kClosed);
    if (hooked) {
      rings_[i]->start();
      taken.push_back(std::move(rings_[i]));
    } else {
      rings_[i].reset();
    }
  }
  refill();
  return taken;
}

}  // namespace pymemlab
