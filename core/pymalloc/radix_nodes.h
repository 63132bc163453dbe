// The raw requests of CPython's radix tree, without the tree: which interior and leaf nodes would
// exist for the arenas so far. A node is a raw calloc of its real size; its first two words link it
// into our list, so keeping the books needs no memory of our own. Nodes are never freed while the
// heap lives, as in CPython. CPython: arena_map_get, arena_map_mark_used.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/pymalloc/allocator_record.h"
#include "core/pymalloc/geometry.h"

namespace pymemlab {

template <Geometry G>
class RadixNodes {
  static constexpr unsigned kLeafShift = std::countr_zero(G.arena_bytes) + G.radix.leaf_bits;
  static constexpr unsigned kMidShift = kLeafShift + G.radix.mid_bits;
  static constexpr std::uint64_t kTopMask = (std::uint64_t{1} << G.radix.top_bits) - 1;
  static constexpr std::uint64_t kMidMask = (std::uint64_t{1} << G.radix.mid_bits) - 1;

 public:
  // Makes the nodes that an arena at `base` needs. False if raw refuses one; those made stay.
  [[nodiscard]] bool mark(const AllocatorRecord& raw, std::uint64_t base) noexcept {
    if constexpr (!G.radix.exists()) return true;
    if (!mark_slot(raw, base)) return false;
    return base % G.arena_bytes == 0 || mark_slot(raw, base + G.arena_bytes);
  }
  void free_all(const AllocatorRecord& raw) noexcept {
    free_list(raw, mids_);
    free_list(raw, leaves_);
  }

  void visit(void (*visit)(void* context, const void* node), void* context) const {
    for (const Node* node = mids_; node != nullptr; node = node->next) visit(context, node);
    for (const Node* node = leaves_; node != nullptr; node = node->next) visit(context, node);
  }
  [[nodiscard]] std::size_t mids() const noexcept { return mid_count_; }
  [[nodiscard]] std::size_t leaves() const noexcept { return leaf_count_; }

 private:
  struct Node {
    Node* next;
    std::uint64_t key;
  };

  [[nodiscard]] bool mark_slot(const AllocatorRecord& raw, std::uint64_t address) noexcept {
    const std::uint64_t top = address >> kMidShift & kTopMask;
    const std::uint64_t mid = address >> kLeafShift & kMidMask;
    return ensure(raw, mids_, mid_count_, top, G.radix.mid_bytes()) &&
           ensure(raw, leaves_, leaf_count_, top << G.radix.mid_bits | mid, G.radix.leaf_bytes());
  }
  [[nodiscard]] static bool ensure(const AllocatorRecord& raw, Node*& list, std::size_t& count,
                                   std::uint64_t key, std::size_t bytes) noexcept {
    for (const Node* node = list; node != nullptr; node = node->next) {
      if (node->key == key) return true;
    }
    void* made = raw.calloc(raw.context, 1, bytes);
    if (made == nullptr) return false;
    list = new (made) Node{list, key};
    ++count;
    return true;
  }
  static void free_list(const AllocatorRecord& raw, Node*& list) noexcept {
    while (list != nullptr) {
      Node* next = list->next;
      raw.free(raw.context, list);
      list = next;
    }
  }

  Node* mids_ = nullptr;
  Node* leaves_ = nullptr;
  std::size_t mid_count_ = 0;
  std::size_t leaf_count_ = 0;
};

}  // namespace pymemlab
