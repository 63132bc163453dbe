// Turns the columns of one chunk back into events, slots and all.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/trace/chunk.h"
#include "core/trace/event_coding.h"
#include "core/trace/slot_table.h"
#include "core/trace/varint.h"

namespace pymemlab {

class EventDecoder {
 public:
  // Replaces `batch`'s events and words with the chunk's; mark texts new in it are appended to
  // `marks`. Throws InputError for impossible coding; the decoder is of no further use then.
  EventsHead decode(ChunkReader& chunk, EventBatch& batch, std::vector<std::string>& marks);

  [[nodiscard]] SlotTable& slots() noexcept { return slots_; }
  [[nodiscard]] std::uint32_t arenas() const noexcept { return arenas_; }
  void set_position(std::uint64_t next_event, std::uint32_t arenas) noexcept {
    next_event_ = next_event;
    arenas_ = arenas;
  }
  [[nodiscard]] std::uint64_t next_event() const noexcept { return next_event_; }

 private:
  // One token's meaning, ready to be executed. flags == 0: nothing needs to be looked up.
  struct Row {
    std::uint32_t low = 0;   // the event's first half
    std::uint32_t name = 0;  // an age; 0 for allocations
    std::uint8_t allocates = 0;
    std::uint8_t frees = 0;
    std::uint8_t flags = 0;
    std::uint8_t code = 0;
  };
  enum RowFlag : std::uint8_t { kOperandsInColumns = 1, kRare = 2, kNoRow = 4 };

  EventsHead read_head(ChunkReader& chunk);
  void read_dictionary(ChunkReader& chunk);
  void read_words(ChunkReader& chunk, const EventsHead& head, std::vector<std::uint64_t>& words);
  void read_marks(ChunkReader& chunk, std::vector<std::string>& marks);
  void run(ChunkReader& chunk, const EventsHead& head, std::size_t marks, EventBatch& batch);
  bool decode_slowly(const Row& row, std::size_t marks, Event& event);

  SlotTable slots_;
  std::uint64_t next_event_ = 0;
  std::uint32_t arenas_ = 0;
  std::array<Row, kMaxDictionary> rows_{};
  VarintReader sizes_;
  VarintReader names_;
  std::uint64_t words_used_ = 0;
  Bytes buffer_;
  Bytes tokens_;
  Bytes sizes_buffer_;
  Bytes names_buffer_;
};

}  // namespace pymemlab
