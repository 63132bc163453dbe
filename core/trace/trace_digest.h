// The digest of a stream: what makes two traces equal however they were chunked or compressed.
// XXH3-64 over four little-endian words: XXH3-64 of all events, XXH3-64 of all side words, and how
// many there are of each. Threads: none share one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/trace/event.h"

namespace pymemlab {

class TraceDigest {
 public:
  TraceDigest();
  TraceDigest(const TraceDigest&) = delete;
  TraceDigest& operator=(const TraceDigest&) = delete;
  ~TraceDigest();

  // Events and words are two sequences: how they are cut or interleaved makes no difference.
  void add_events(std::span<const Event> events) noexcept;
  void add_words(std::span<const std::uint64_t> words) noexcept;
  [[nodiscard]] std::uint64_t value() const noexcept;

 private:
  struct States;
  std::unique_ptr<States> states_;
};

// A digest as 16 hex digits.
[[nodiscard]] std::string digest_text(std::uint64_t value);

}  // namespace pymemlab
