// Turns the columns of one chunk back into events, slots and all.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/trace/allocation_ring.h"
#include "core/trace/chunk.h"
#include "core/trace/event_coding.h"
#include "core/trace/key_chunk.h"
#include "core/trace/slot_lookup.h"
#include "core/trace/slot_order.h"
#include "core/trace/trace_digest.h"
#include "core/trace/varint.h"

namespace pymemlab {

class EventDecoder {
 public:
  // Replaces `batch`'s events and words with the chunk's and adds them to `digest`; `marks` becomes
  // the mark texts new in it. Throws InputError for impossible coding; the decoder is of no further
  // use then.
  EventsHead decode(ChunkReader& chunk, EventBatch& batch, std::vector<std::string>& marks,
                    TraceDigest& digest);

  // Takes its place behind a key chunk. REQUIRES: it has decoded nothing.
  void restore(const KeyState& state);

  // Slots ever used.
  [[nodiscard]] Slot used() const noexcept { return used_; }
  [[nodiscard]] std::uint64_t next_event() const noexcept { return next_event_; }

 private:
  // One token's meaning, ready to be executed.
  struct alignas(32) Row {
    std::int64_t live = 0;        // what it adds to the number of live blocks
    std::uint32_t low = 0;        // the event's first half
    std::uint32_t offset = 0;     // the allocation it is about, less what that is counted from
    std::uint32_t allocates = 0;  // all ones if so; it is about the next allocation then
    std::uint32_t from_last = 0;  // all ones: counted from the one named last; else from the next
    std::uint32_t freed = 0;      // AllocationRing::kFreed if it frees the block
    std::uint8_t flags = 0;
    NameForm form = NameForm::age;
  };
  struct Operands {
    std::uint32_t low = 0;
    std::uint32_t offset = 0;
  };
  enum RowFlag : std::uint8_t {
    kSizeInColumn = 1,
    kNameInColumn = 2,
    kRare = 4,  // what the loop leaves to decode_rare
    kNoRow = 8
  };
  // Where the loop is, for what happens outside of it.
  struct Position {
    std::uint64_t allocations = 0;
    std::uint64_t named = 0;  // number of the allocation that an age or difference named last
    std::int64_t live = 0;
  };

  EventsHead read_head(ChunkReader& chunk);
  void read_dictionary(ChunkReader& chunk);
  void read_words(ChunkReader& chunk, const EventsHead& head, std::vector<std::uint64_t>& words);
  void read_marks(ChunkReader& chunk, std::vector<std::string>& marks);
  void run(ChunkReader& chunk, const EventsHead& head, EventBatch& batch, TraceDigest& digest);
  Row read_entry(VarintReader& from, const ChunkReader& chunk) const;
  bool run_block(const std::uint8_t* tokens, Event* out, std::size_t events, Position& position);
  void open_columns(ChunkReader& chunk, const EventsHead& head);
  void check_columns(const ChunkReader& chunk, const EventsHead& head) const;
  [[gnu::noinline]] Operands take_operands(const Row& row);
  [[gnu::noinline]] std::size_t decode_rare(const std::uint8_t* tokens, Event* out,
                                            std::size_t events, Position& at);
  Event decode_one(const Row& row, Position& at);
  static bool frees_slot(const Row& row) noexcept;
  std::size_t free_slots(const std::uint8_t* tokens, Event* out, std::size_t events, Position& at);
  Slot find_block(const Row& row, std::uint64_t name, Position& at);
  Slot find_slot(NameForm form, std::uint64_t value, const Position& at);
  std::uint32_t take_size(std::uint32_t low);

  SlotOrder order_;
  AllocationRing ring_;
  SlotLookup lookup_;
  std::uint64_t allocations_ = 0;
  std::uint32_t live_ = 0;
  Slot used_ = 0;
  std::uint64_t next_event_ = 0;
  std::uint32_t arenas_ = 0;
  std::size_t marks_ = 0;  // texts so far
  std::array<Row, kMaxDictionary> rows_{};
  VarintReader sizes_;
  VarintReader names_;
  std::uint64_t named_slot_ = 0;  // that went by its number last in the chunk
  std::uint64_t words_used_ = 0;  // in the chunk
  bool valid_ = true;             // no event of the chunk is impossible so far
  Bytes buffer_;
  Bytes tokens_;
  Bytes sizes_buffer_;
  Bytes names_buffer_;
};

}  // namespace pymemlab
