#include "core/trace/trace_digest.h"

#include <fmt/format.h>

#include <array>

#include "core/trace/xxh3.h"

namespace pymemlab {

struct TraceDigest::States {
  XXH3_state_t events;
  XXH3_state_t words;
  std::uint64_t event_count = 0;
  std::uint64_t word_count = 0;
};

TraceDigest::TraceDigest() : states_(std::make_unique<States>()) {
  XXH3_64bits_reset(&states_->events);
  XXH3_64bits_reset(&states_->words);
}

TraceDigest::~TraceDigest() = default;

void TraceDigest::add_events(std::span<const Event> events) noexcept {
  XXH3_64bits_update(&states_->events, events.data(), events.size_bytes());
  states_->event_count += events.size();
}

void TraceDigest::add_words(std::span<const std::uint64_t> words) noexcept {
  XXH3_64bits_update(&states_->words, words.data(), words.size_bytes());
  states_->word_count += words.size();
}

std::uint64_t TraceDigest::value() const noexcept {
  const std::array<std::uint64_t, 4> parts = {XXH3_64bits_digest(&states_->events),
                                              XXH3_64bits_digest(&states_->words),
                                              states_->event_count, states_->word_count};
  return XXH3_64bits(parts.data(), sizeof parts);
}

std::string digest_text(std::uint64_t value) { return fmt::format("{:016x}", value); }

}  // namespace pymemlab
