// The four streams of requests. CPython: PyMemAllocatorDomain, with the same numbers, for the first
// three; `libc` stands in traces for calls straight to the C library.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pymemlab {

enum class Domain : std::uint8_t { raw = 0, mem = 1, obj = 2, libc = 3 };

inline constexpr std::size_t kDomains = 4;
inline constexpr std::array<std::string_view, kDomains> kDomainNames = {"raw", "mem", "obj",
                                                                        "libc"};

constexpr std::size_t index(Domain domain) noexcept { return static_cast<std::size_t>(domain); }
constexpr std::string_view name(Domain domain) noexcept { return kDomainNames[index(domain)]; }

}  // namespace pymemlab
