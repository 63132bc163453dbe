// Turns the events of one chunk into columns: a dictionary of the chunk's 256 most useful events
// (an event is one byte then), and columns of sizes and names for those that are not in it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/trace/chunk.h"
#include "core/trace/event_coding.h"

namespace pymemlab {

class EventEncoder {
 public:
  // `name` as in event_coding.h; 0 for kinds that have none.
  void add(Event event, std::uint32_t name) { pending_.push_back({event, name}); }
  void add_word(std::uint64_t word) { words_.push_back(word); }
  void add_mark_text(std::string_view text);

  [[nodiscard]] std::size_t size() const noexcept { return pending_.size(); }
  [[nodiscard]] std::size_t mark_bytes() const noexcept { return marks_.size(); }

  // Adds the columns to `chunk`. `head` gives first_event, allocations and flags.
  void encode(EventsHead head, ChunkBuilder& chunk);
  // The events and words as a reader would see them, for the digest; valid until clear().
  [[nodiscard]] std::vector<Event> events() const;
  [[nodiscard]] const std::vector<std::uint64_t>& words() const noexcept { return words_; }
  void clear();

 private:
  struct Pending {
    Event event;
    std::uint32_t name = 0;
  };
  // What an event says but for its slot, which the reader derives: the dictionary's key.
  struct Phrase {
    std::uint64_t key = 0;
    std::uint32_t count = 0;
    std::int32_t token = -1;
  };

  static std::uint64_t key_of(const Pending& pending) noexcept;
  Phrase& find(std::uint64_t key) noexcept;
  void count_phrases();
  void make_dictionary();
  void emit();

  std::vector<Pending> pending_;
  std::vector<std::uint64_t> words_;
  Bytes marks_;
  std::vector<Phrase> phrases_;            // open addressing, a power of two
  std::vector<std::size_t> taken_;         // of phrases_
  std::vector<std::int32_t> bare_tokens_;  // by event code: the entry whose operands are in columns
  Bytes dictionary_;
  Bytes tokens_;
  Bytes sizes_;
  Bytes names_;
};

}  // namespace pymemlab
