#include "core/trace/event.h"

namespace pymemlab {

bool OperationCursor::next(Operation& operation) noexcept {
  if (event_ == batch_.events.size()) return false;
  const Event event = batch_.events[event_++];
  operation = Operation{.kind = event.kind(),
                        .domain = event.domain(),
                        .nested = event.nested(),
                        .failed = event.failed(),
                        .slot = event.slot(),
                        .size = event.size()};
  const std::uint64_t* words = batch_.wide.data() + wide_;
  const unsigned taken = event.wide_words();
  wide_ += taken;
  switch (operation.kind) {
    case EventKind::calloc:
      if (taken == 2) {
        operation.count = words[0];
        operation.size = words[1];
      }
      break;
    case EventKind::malloc:
    case EventKind::realloc:
    case EventKind::realloc_null:
      if (taken == 1) operation.size = words[0];
      break;
    case EventKind::realloc_unknown:
      if (taken == 2) operation.size = words[0];
      operation.old_address = words[taken - 1];
      break;
    case EventKind::free_unknown: operation.address = words[0]; break;
    case EventKind::arena_alloc:
    case EventKind::arena_free:
      if (taken == 2) {
        operation.size = words[0];
        operation.address = words[1];
      }
      break;
    default: break;
  }
  if (returns_block(event)) {
    if (!batch_.addresses.empty()) operation.address = batch_.addresses[returned_];
    if (!batch_.sites.empty()) operation.site = batch_.sites[returned_];
    ++returned_;
  }
  return true;
}

}  // namespace pymemlab
