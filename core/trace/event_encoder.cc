#include "core/trace/event_encoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

#include "core/trace/little_endian.h"
#include "core/trace/varint.h"

namespace pymemlab {
namespace {

// A dictionary entry costs about four bytes; below this it does not pay.
constexpr std::uint32_t kWorthAnEntry = 4;
constexpr std::uint64_t kEmptyKey = ~std::uint64_t{0};

}  // namespace

void EventEncoder::add_mark_text(std::string_view text) {
  put_varint(marks_, text.size());
  marks_.insert(marks_.end(), text.begin(), text.end());
}

void EventEncoder::encode(EventsHead head, ChunkBuilder& chunk) {
  count_phrases();
  make_dictionary();
  emit();
  Bytes fields;
  put_fixed(fields, head.first_event);
  put_fixed(fields, head.allocations);
  put_fixed(fields, static_cast<std::uint32_t>(pending_.size()));
  put_fixed(fields, static_cast<std::uint32_t>(words_.size()));
  put_fixed(fields, head.flags);
  Bytes words;
  for (const std::uint64_t word : words_) put_varint(words, word);
  chunk.add(kEventsHead, fields);
  chunk.add(kEventsDictionary, dictionary_);
  chunk.add(kEventsTokens, tokens_);
  chunk.add(kEventsSizes, sizes_);
  chunk.add(kEventsNames, names_);
  chunk.add(kEventsWords, words);
  chunk.add(kEventsMarks, marks_);
}

// Size, code and name beside each other. Names of old blocks do not repeat: they are never entries.
std::uint64_t EventEncoder::key_of(const Pending& pending) noexcept {
  return (std::uint64_t{pending.event.size()} << 8 | pending.event.code()) << 32 | pending.name;
}

EventEncoder::Phrase& EventEncoder::find(std::uint64_t key) noexcept {
  const std::size_t mask = phrases_.size() - 1;
  std::size_t at = static_cast<std::size_t>((key * 0x9E3779B97F4A7C15u) >> 20) & mask;
  while (phrases_[at].key != key && phrases_[at].key != kEmptyKey) at = (at + 1) & mask;
  return phrases_[at];
}

void EventEncoder::count_phrases() {
  const std::size_t wanted = std::bit_ceil(2 * pending_.size() + 2);
  if (phrases_.size() < wanted) phrases_.assign(wanted, Phrase{.key = kEmptyKey});
  for (const std::size_t at : taken_) phrases_[at] = Phrase{.key = kEmptyKey};
  taken_.clear();
  for (const Pending& pending : pending_) {
    if (pending.name >= kAgeRing) continue;
    Phrase& phrase = find(key_of(pending));
    if (phrase.key == kEmptyKey) {
      phrase.key = key_of(pending);
      taken_.push_back(static_cast<std::size_t>(&phrase - phrases_.data()));
    }
    ++phrase.count;
  }
}

// First an entry for every code in use, so that every event can be said; then the commonest
// phrases.
void EventEncoder::make_dictionary() {
  std::array<bool, 256> used{};
  for (const Pending& pending : pending_) used[pending.event.code()] = true;
  bare_tokens_.assign(256, -1);
  Bytes entries;
  std::int32_t next = 0;
  for (std::size_t code = 0; code < used.size(); ++code) {
    if (!used[code]) continue;
    bare_tokens_[code] = next++;
    entries.push_back(static_cast<std::uint8_t>(code));
    entries.push_back(0);
  }
  std::vector<std::size_t> best = taken_;
  std::erase_if(best, [this](std::size_t at) {
    const auto kind = static_cast<EventKind>(phrases_[at].key >> 32 & 15u);
    return phrases_[at].count < kWorthAnEntry || (!has_size(kind) && !has_name(kind));
  });
  const std::size_t room = kMaxDictionary - static_cast<std::size_t>(next);
  const auto more_useful = [this](std::size_t a, std::size_t b) {
    return phrases_[a].count != phrases_[b].count ? phrases_[a].count > phrases_[b].count
                                                  : phrases_[a].key < phrases_[b].key;
  };
  const std::size_t kept = std::min(room, best.size());
  std::partial_sort(best.begin(), best.begin() + std::ptrdiff_t(kept), best.end(), more_useful);
  best.resize(kept);
  for (const std::size_t at : best) {
    Phrase& phrase = phrases_[at];
    phrase.token = next++;
    const auto code = static_cast<std::uint8_t>(phrase.key >> 32);
    entries.push_back(code);
    entries.push_back(1);
    if (has_size(static_cast<EventKind>(code & 15u))) put_varint(entries, phrase.key >> 40);
    if (has_name(static_cast<EventKind>(code & 15u))) put_varint(entries, phrase.key & 0xFFFFFFFFu);
  }
  dictionary_.clear();
  put_varint(dictionary_, static_cast<std::uint64_t>(next));
  dictionary_.insert(dictionary_.end(), entries.begin(), entries.end());
}

void EventEncoder::emit() {
  tokens_.clear();
  sizes_.clear();
  names_.clear();
  for (const Pending& pending : pending_) {
    const std::int32_t token = pending.name < kAgeRing ? find(key_of(pending)).token : -1;
    if (token >= 0) {
      tokens_.push_back(static_cast<std::uint8_t>(token));
      continue;
    }
    const EventKind kind = pending.event.kind();
    tokens_.push_back(static_cast<std::uint8_t>(bare_tokens_[pending.event.code()]));
    if (has_size(kind)) put_varint(sizes_, pending.event.size());
    if (has_name(kind)) put_varint(names_, pending.name);
  }
}

std::vector<Event> EventEncoder::events() const {
  std::vector<Event> events;
  events.reserve(pending_.size());
  for (const Pending& pending : pending_) events.push_back(pending.event);
  return events;
}

void EventEncoder::clear() {
  pending_.clear();
  words_.clear();
  marks_.clear();
}

}  // namespace pymemlab
