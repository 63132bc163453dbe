#include "core/trace/event.h"

namespace pymemlab {

void OperationCursor::take_words(unsigned words, Operation& operation) noexcept {
  const std::uint64_t* const word = batch_.wide.data() + wide_;
  wide_ += words;
  switch (operation.kind) {
    case EventKind::calloc:
      operation.count = word[0];
      operation.size = word[1];
      break;
    case EventKind::malloc:
    case EventKind::realloc:
    case EventKind::realloc_null: operation.size = word[0]; break;
    case EventKind::realloc_unknown:
      if (words == 2) operation.size = word[0];
      operation.old_address = word[words - 1];
      break;
    case EventKind::free_unknown: operation.address = word[0]; break;
    case EventKind::arena_alloc:
    case EventKind::arena_free:
      operation.size = word[0];
      operation.address = word[1];
      break;
    default: break;
  }
}

}  // namespace pymemlab
