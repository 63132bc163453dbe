// Decodes the address column of a chunk, after its events.
#pragma once

#include <vector>

#include "core/trace/address_model.h"
#include "core/trace/chunk.h"
#include "core/trace/event_coding.h"
#include "core/trace/trace_reader.h"
#include "core/trace/varint.h"

namespace pymemlab {

class AddressColumn {
 public:
  // Fills batch.addresses; leaves it empty if the chunk has no such column. Throws InputError.
  void decode(ChunkReader& chunk, const EventsHead& head, EventBatch& batch);
  // The model behind a key chunk.
  void restore(const std::vector<LiveBlock>& blocks);

 private:
  void note_frees(const EventBatch& batch);
  bool decode_one(Event event, const std::uint64_t* wide, std::uint8_t token,
                  std::uint64_t& address);

  AddressModel model_;
  Bytes tokens_;
  Bytes words_;
  VarintReader words_left_;
};

}  // namespace pymemlab
