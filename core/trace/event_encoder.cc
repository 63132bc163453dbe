#include "core/trace/event_encoder.h"

#include <algorithm>

#include "core/trace/little_endian.h"

namespace pymemlab {
namespace {

// A dictionary entry costs about four bytes; below this it does not pay.
constexpr std::uint32_t kWorthAnEntry = 4;
// Names beyond this do not repeat often enough to be counted.
constexpr std::uint32_t kNamesCounted = 4096;
// Candidates of a chunk; when three quarters are taken, newcomers are no longer counted.
constexpr std::size_t kPhraseTable = 1u << 15;
constexpr std::uint64_t kEmptyKey = ~std::uint64_t{0};

EventKind kind_of(std::uint8_t code) noexcept { return static_cast<EventKind>(code & 15u); }

}  // namespace

EventEncoder::EventEncoder() : phrases_(kPhraseTable, Phrase{.key = kEmptyKey}) {}

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
  put_fixed(fields, static_cast<std::uint32_t>(events_.size()));
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

std::uint64_t EventEncoder::key_of(Event event, std::uint32_t name) noexcept {
  return (std::uint64_t{event.size()} << 8 | event.code()) << 32 | name;
}

std::uint16_t EventEncoder::find(std::uint64_t key) noexcept {
  constexpr std::size_t kMask = kPhraseTable - 1;
  std::size_t at = static_cast<std::size_t>((key * 0x9E3779B97F4A7C15u) >> 40) & kMask;
  while (phrases_[at].key != key) {
    if (phrases_[at].key == kEmptyKey) {
      if (taken_.size() >= kPhraseTable / 4 * 3) return kNoPhrase;
      phrases_[at].key = key;
      taken_.push_back(static_cast<std::uint16_t>(at));
      break;
    }
    at = (at + 1) & kMask;
  }
  return static_cast<std::uint16_t>(at);
}

void EventEncoder::count_phrases() {
  for (const std::uint16_t at : taken_) phrases_[at] = Phrase{.key = kEmptyKey};
  taken_.clear();
  phrase_of_.assign(events_.size(), kNoPhrase);
  constexpr std::uint32_t kValueMask = (1u << kFormShift) - 1;
  constexpr std::uint32_t kSlotForm = static_cast<std::uint32_t>(NameForm::slot) << kFormShift;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const std::uint32_t name = event_names_[i];
    if (name >= kSlotForm || (name & kValueMask) >= kNamesCounted) continue;
    const std::uint16_t phrase = find(key_of(events_[i], name));
    phrase_of_[i] = phrase;
    if (phrase != kNoPhrase) ++phrases_[phrase].count;
  }
}

// First what makes every event sayable, its operands in columns; then the commonest phrases.
void EventEncoder::make_dictionary() {
  Bytes entries;
  next_token_ = 0;
  add_bare_entries(entries);
  add_phrases(entries);
  dictionary_.clear();
  put_varint(dictionary_, static_cast<std::uint64_t>(next_token_));
  dictionary_.insert(dictionary_.end(), entries.begin(), entries.end());
}

void EventEncoder::add_bare_entries(Bytes& entries) {
  for (auto& forms : bare_tokens_) forms.fill(-1);
  for (std::size_t i = 0; i < events_.size(); ++i)
    bare_tokens_[events_[i].code()][event_names_[i] >> kFormShift] = 0;
  for (std::size_t code = 0; code < bare_tokens_.size(); ++code) {
    for (std::size_t form = 0; form < kNameForms; ++form) {
      if (bare_tokens_[code][form] < 0) continue;
      bare_tokens_[code][form] = next_token_++;
      entries.push_back(static_cast<std::uint8_t>(code));
      entries.push_back(static_cast<std::uint8_t>(form));
    }
  }
}

void EventEncoder::add_phrases(Bytes& entries) {
  std::vector<std::uint16_t> best;
  for (const std::uint16_t at : taken_) {
    const EventKind kind = kind_of(static_cast<std::uint8_t>(phrases_[at].key >> 32));
    if (phrases_[at].count >= kWorthAnEntry && (has_size(kind) || has_name(kind)))
      best.push_back(at);
  }
  const std::size_t room = kMaxDictionary - static_cast<std::size_t>(next_token_);
  const std::size_t kept = std::min(room, best.size());
  std::partial_sort(best.begin(), best.begin() + std::ptrdiff_t(kept), best.end(),
                    [this](std::uint16_t a, std::uint16_t b) {
                      const Phrase& x = phrases_[a];
                      const Phrase& y = phrases_[b];
                      return x.count != y.count ? x.count > y.count : x.key < y.key;
                    });
  best.resize(kept);
  for (const std::uint16_t at : best) {
    Phrase& phrase = phrases_[at];
    phrase.token = next_token_++;
    const auto code = static_cast<std::uint8_t>(phrase.key >> 32);
    const auto name = static_cast<std::uint32_t>(phrase.key);
    entries.push_back(code);
    entries.push_back(static_cast<std::uint8_t>(kInline | name >> kFormShift));
    if (has_size(kind_of(code))) put_varint(entries, phrase.key >> 40);
    if (has_name(kind_of(code))) put_varint(entries, name & ((1u << kFormShift) - 1));
  }
}

void EventEncoder::emit() {
  tokens_.clear();
  sizes_.clear();
  names_.clear();
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const std::int32_t token = phrase_of_[i] == kNoPhrase ? -1 : phrases_[phrase_of_[i]].token;
    if (token >= 0) {
      tokens_.push_back(static_cast<std::uint8_t>(token));
      continue;
    }
    const Event event = events_[i];
    const std::uint32_t name = event_names_[i];
    tokens_.push_back(static_cast<std::uint8_t>(bare_tokens_[event.code()][name >> kFormShift]));
    if (has_size(event.kind())) put_varint(sizes_, event.size());
    if (has_name(event.kind())) put_varint(names_, name & ((1u << kFormShift) - 1));
  }
}

void EventEncoder::clear() {
  events_.clear();
  event_names_.clear();
  words_.clear();
  marks_.clear();
}

}  // namespace pymemlab
