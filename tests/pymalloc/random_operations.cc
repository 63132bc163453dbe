#include "tests/pymalloc/random_operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/random.h"

namespace pymemlab {
namespace {

// A program's behaviour in phases: what it holds, and what it does next.
class Generator {
 public:
  Generator(std::uint64_t seed, std::size_t most_bytes) : random_(seed), most_bytes_(most_bytes) {
    for (std::size_t i = 0; i < Operation::kSlots; ++i)
      unused_.push_back(static_cast<std::uint16_t>(~i));
  }

  Operation next() {
    if (bytes_ > most_bytes_ || unused_.empty()) growing_ = false;
    if (live_.empty()) growing_ = true;
    if (random_.chance(1, 300))
      usual_size_ = random_.chance(1, 2) ? 512 : 16 * random_.between(1, 32);
    Operation operation = some_operation();
    operation.arena_fails = random_.chance(1, 3);
    if (random_.chance(1, 3)) operation.raw_requests = static_cast<std::uint8_t>(random_.below(3));
    return operation;
  }

 private:
  Operation some_operation() {
    const std::uint64_t what = random_.below(20);
    if (live_.empty() || (what < (growing_ ? 15u : 1u) && !unused_.empty())) return allocate();
    const std::size_t at = random_.chance(1, 2) ? random_.below(live_.size()) : live_.size() - 1;
    return random_.chance(1, 4) ? resize(at) : release(at);
  }
  std::uint16_t some_size() {
    if (random_.chance(1, 20)) return static_cast<std::uint16_t>(random_.below(700));
    return static_cast<std::uint16_t>(usual_size_ -
                                      random_.below(std::min<std::size_t>(usual_size_, 64)));
  }
  Operation allocate() {
    const Operation operation{
        .kind = random_.chance(1, 6) ? Operation::Kind::calloc : Operation::Kind::malloc,
        .slot = unused_.back(),
        .size = some_size()};
    unused_.pop_back();
    live_.emplace_back(operation.slot, operation.size);
    bytes_ += operation.size;
    return operation;
  }
  Operation resize(std::size_t at) {
    const Operation operation{
        .kind = Operation::Kind::realloc, .slot = live_[at].first, .size = some_size()};
    bytes_ += operation.size;
    bytes_ -= live_[at].second;
    live_[at].second = operation.size;
    return operation;
  }
  Operation release(std::size_t at) {
    const Operation operation{.kind = Operation::Kind::free, .slot = live_[at].first};
    bytes_ -= live_[at].second;
    unused_.push_back(live_[at].first);
    live_[at] = live_.back();
    live_.pop_back();
    return operation;
  }

  Random random_;
  std::size_t most_bytes_;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> live_;  // slot and size
  std::vector<std::uint16_t> unused_;
  std::size_t bytes_ = 0;
  std::size_t usual_size_ = 512;
  bool growing_ = true;
};

}  // namespace

std::string listing(const std::vector<Operation>& operations) {
  constexpr std::array kNames = {"malloc", "calloc", "realloc", "free"};
  std::string text;
  for (const Operation& operation : operations) {
    text += fmt::format("{} s{}", kNames[static_cast<std::size_t>(operation.kind)], operation.slot);
    if (operation.kind != Operation::Kind::free) text += fmt::format(" {}", operation.size);
    if (operation.arena_fails) text += ", no arena";
    if (operation.raw_requests != Operation::kNoFailure) {
      text += fmt::format(", raw fails after {}", operation.raw_requests);
    }
    text += "\n";
  }
  return text;
}

std::vector<Operation> random_operations(std::uint64_t seed, std::size_t count,
                                         std::size_t most_bytes) {
  Generator generator(seed, most_bytes);
  std::vector<Operation> operations;
  // The first arena's table, the arena itself and its two nodes are refused once each.
  Operation first{.slot = 0, .size = 16};
  for (const int refused : {0, -1, 1, 2}) {
    first.arena_fails = refused < 0;
    first.raw_requests = static_cast<std::uint8_t>(refused);  // -1 is kNoFailure
    operations.push_back(first);
    operations.push_back({.kind = Operation::Kind::free, .slot = 0});
  }
  while (operations.size() < count) operations.push_back(generator.next());
  return operations;
}

}  // namespace pymemlab
