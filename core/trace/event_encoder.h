// Turns the events of one chunk into columns: a dictionary of the chunk's 256 most useful events
// (an event is one byte then), and columns of sizes and names for those that are not in it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/trace/chunk.h"
#include "core/trace/event_coding.h"

namespace pymemlab {

class EventEncoder {
 public:
  EventEncoder();

  void add(Event event, Name name) {
    events_.push_back(event);
    event_names_.push_back(static_cast<std::uint32_t>(name.form) << kFormShift | name.value);
  }
  void add_word(std::uint64_t word) { words_.push_back(word); }
  void add_mark_text(std::string_view text);

  [[nodiscard]] std::size_t size() const noexcept { return events_.size(); }
  [[nodiscard]] std::size_t mark_bytes() const noexcept { return marks_.size(); }

  // Adds the columns to `chunk`. `head` gives first_event, allocations and flags.
  void encode(EventsHead head, ChunkBuilder& chunk);
  // The events as a reader would see them, for the digest.
  [[nodiscard]] const std::vector<Event>& events() const noexcept { return events_; }
  [[nodiscard]] const std::vector<std::uint64_t>& words() const noexcept { return words_; }
  void clear();

 private:
  static constexpr std::uint32_t kFormShift = 30;  // a zigzag difference of slots fits below
  // What an event says but for the slot that the reader derives. Candidates for the dictionary.
  struct Phrase {
    std::uint64_t key = 0;
    std::uint32_t count = 0;
    std::int32_t token = -1;
  };
  static constexpr std::uint16_t kNoPhrase = 0xFFFF;

  static std::uint64_t key_of(Event event, std::uint32_t name) noexcept;
  [[nodiscard]] std::uint16_t find(std::uint64_t key) noexcept;
  void count_phrases();
  void make_dictionary();
  void add_bare_entries(Bytes& entries);
  void add_phrases(Bytes& entries);
  void emit();

  std::vector<Event> events_;
  std::vector<std::uint32_t> event_names_;  // of each: form << kFormShift | value
  std::vector<std::uint64_t> words_;
  Bytes marks_;
  std::vector<Phrase> phrases_;           // open addressing, a fixed power of two
  std::vector<std::uint16_t> taken_;      // of phrases_
  std::vector<std::uint16_t> phrase_of_;  // by event; kNoPhrase where none is counted
  std::array<std::array<std::int32_t, kNameForms>, 256> bare_tokens_{};  // by event code and form
  std::int32_t next_token_ = 0;
  Bytes dictionary_;
  Bytes tokens_;
  Bytes sizes_;
  Bytes names_;
};

}  // namespace pymemlab
