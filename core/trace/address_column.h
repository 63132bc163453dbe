// Decodes the address column of a chunk, after its events.
#pragma once

#include <vector>

#include "core/trace/address_model.h"
#include "core/trace/chunk.h"
#include "core/trace/event_coding.h"
#include "core/trace/trace_reader.h"

namespace pymemlab {

class AddressColumn {
 public:
  // Fills batch.addresses; leaves it empty if the chunk has no such column. Throws InputError.
  void decode(ChunkReader& chunk, const EventsHead& head, EventBatch& batch);
  // The model behind a key chunk.
  void restore(const std::vector<LiveBlock>& blocks);

 private:
  AddressModel model_;
  Bytes tokens_;
  Bytes words_;
};

}  // namespace pymemlab
