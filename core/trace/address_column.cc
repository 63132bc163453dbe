#include "core/trace/address_column.h"

#include "core/base/input_error.h"
#include "core/trace/varint.h"

namespace pymemlab {

void AddressColumn::decode(ChunkReader& chunk, const EventsHead& head, EventBatch& batch) {
  const std::size_t tokens = chunk.column(kEventsAddressTokens, head.events, tokens_);
  const std::size_t word_bytes =
      chunk.column(kEventsAddressWords, tokens * kVarintMaxBytes, words_);
  if ((head.flags & kAddressesAfresh) != 0) model_.start_afresh();
  if (tokens == 0) return;
  VarintReader words(words_.data(), word_bytes);
  OperationCursor cursor(batch);
  Operation operation;
  std::vector<std::uint64_t> addresses;
  addresses.reserve(tokens);
  bool valid = true;
  for (std::size_t i = 0; cursor.next(operation); ++i) {
    if (operation.kind == EventKind::free && operation.slot != kNoSlot)
      model_.freed(operation.slot);
    if (!returns_block(batch.events[i])) continue;
    if (addresses.size() == tokens) {
      valid = false;
      break;
    }
    const AddressModel::Class wanted = AddressModel::class_of(operation.domain, operation.bytes());
    const std::uint8_t token = tokens_[addresses.size()];
    const std::uint64_t word = token == AddressModel::kDifference ? words.next() : 0;
    std::uint64_t address = 0;
    const bool moves = operation.kind == EventKind::realloc;
    valid &= model_.address(moves ? operation.slot : kNoSlot, wanted, token, word, address);
    if (moves) {
      model_.reallocated(operation.slot, wanted, address);
    } else {
      model_.allocated(operation.slot, wanted, address);
    }
    addresses.push_back(address);
  }
  if (!valid || addresses.size() != tokens || words.failed() || !words.at_end())
    throw InputError("{}: impossible coding: an address column that does not fit its events",
                     chunk.place());
  batch.addresses = std::move(addresses);
}

void AddressColumn::restore(const std::vector<LiveBlock>& blocks) {
  model_ = AddressModel();
  for (const LiveBlock& block : blocks)
    model_.allocated(block.slot, AddressModel::class_of(block.domain, block.bytes), block.address);
  model_.start_afresh();
}

}  // namespace pymemlab
