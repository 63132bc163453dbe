#include "core/trace/address_column.h"

#include "core/base/input_error.h"
#include "core/trace/varint.h"

namespace pymemlab {
namespace {

[[noreturn]] void refuse(const ChunkReader& chunk) {
  throw InputError("{}: impossible coding: an address column that does not fit its events",
                   chunk.place());
}

}  // namespace

void AddressColumn::decode(ChunkReader& chunk, const EventsHead& head, EventBatch& batch) {
  const std::size_t tokens = chunk.column(kEventsAddressTokens, head.events, tokens_);
  const std::size_t word_bytes =
      chunk.column(kEventsAddressWords, tokens * kVarintMaxBytes, words_);
  if ((head.flags & kAddressesAfresh) != 0) model_.start_afresh();
  // Without tokens there is no address to be had, but blocks that are freed are still remembered.
  if (tokens == 0) return note_frees(batch);
  batch.addresses.resize(tokens);
  words_left_ = VarintReader(words_.data(), word_bytes);
  const std::uint64_t* wide = batch.wide.data();
  std::size_t returned = 0;
  bool valid = true;
  for (const Event event : batch.events) {
    if (event.kind() == EventKind::free) {
      if (event.slot() != kNoSlot) model_.freed(event.slot());
      continue;
    }
    if (returns_block(event)) {
      if (returned == tokens) refuse(chunk);
      valid &= decode_one(event, wide, tokens_[returned], batch.addresses[returned]);
      ++returned;
    }
    wide += event.wide_words();
  }
  if (!valid || returned != tokens || words_left_.failed() || !words_left_.at_end()) refuse(chunk);
}

void AddressColumn::note_frees(const EventBatch& batch) {
  for (const Event event : batch.events) {
    if (event.kind() == EventKind::free && event.slot() != kNoSlot) model_.freed(event.slot());
  }
}

bool AddressColumn::decode_one(Event event, const std::uint64_t* wide, std::uint8_t token,
                               std::uint64_t& address) {
  std::uint64_t bytes = event.size();
  if (event.size() == Event::kWide)
    bytes = event.kind() == EventKind::calloc ? wide[0] * wide[1] : wide[0];
  const AddressModel::Class wanted = AddressModel::class_of(event.domain(), bytes);
  const std::uint64_t word = token == AddressModel::kDifference ? words_left_.next() : 0;
  return model_.decode(event.slot(), event.kind() == EventKind::realloc, wanted, token, word,
                       address);
}

void AddressColumn::restore(const std::vector<LiveBlock>& blocks) {
  model_ = AddressModel();
  for (const LiveBlock& block : blocks)
    model_.set_live(block.slot, AddressModel::class_of(block.domain, block.bytes), block.address);
}

}  // namespace pymemlab
