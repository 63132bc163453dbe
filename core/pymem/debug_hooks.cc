#include "core/pymem/debug_hooks.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace pymemlab {
namespace {

constexpr std::size_t kLargestRequest = SIZE_MAX / 2;  // CPython: PY_SSIZE_T_MAX

constexpr std::uint64_t big_endian(std::uint64_t value) noexcept {
  return std::endian::native == std::endian::big ? value : __builtin_bswap64(value);
}

std::uint64_t load_word(const std::byte* at) noexcept {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

void store_word(std::byte* at, std::uint64_t word) noexcept {
  std::memcpy(at, &word, sizeof(word));
}

std::byte* base_of(std::byte* user) noexcept { return user - kDebugHeaderBytes; }

std::size_t stored_size(const std::byte* user) noexcept {
  return big_endian(load_word(user - kDebugHeaderBytes));
}

void paint(std::byte* at, std::uint8_t byte, std::size_t bytes) noexcept {
  std::memset(at, byte, bytes);
}

const DebugHook& hook_of(const void* context) noexcept {
  return *static_cast<const DebugHook*>(context);
}

// Kept apart and never inlined, so that the operations carry no more than a jump to it.
[[gnu::noinline, gnu::cold]] void report(const DebugHook& hook, DebugOperation operation,
                                         DebugFault fault, const void* block) noexcept {
  hook.hooks->report(
      {.fault = fault, .operation = operation, .domain = hook.domain, .block = block});
}

// Raw needs no GIL: its functions are compiled without the question.
template <bool kNeedsGil>
bool may_enter(const DebugHook& hook, DebugOperation operation) noexcept {
  if constexpr (kNeedsGil) {
    if (hook.gil.is_held != nullptr && !hook.gil.is_held(hook.gil.context)) {
      report(hook, operation, DebugFault::no_gil, nullptr);
      return false;
    }
  }
  return true;
}

// Which of the header's eight bytes is wrong decides the fault.
[[gnu::noinline, gnu::cold]] void report_header(const DebugHook& hook, DebugOperation operation,
                                                const std::byte* user) noexcept {
  const bool tag_holds = user[-8] == static_cast<std::byte>(debug_tag(hook.domain));
  report(hook, operation, tag_holds ? DebugFault::leading_guard : DebugFault::wrong_tag, user);
}

// CPython: _PyMem_DebugCheckAddress. The serial number is never checked.
bool check(const DebugHook& hook, DebugOperation operation, const std::byte* user) noexcept {
  if (load_word(user - 8) != hook.tag_word) [[unlikely]] {
    report_header(hook, operation, user);
    return false;
  }
  if (load_word(user + stored_size(user)) != hook.guard_word) [[unlikely]] {
    report(hook, operation, DebugFault::trailing_guard, user);
    return false;
  }
  return true;
}

// The functions of one layout. Everything a version does not have is compiled away.
template <Serial kSerial>
struct Layout {
  static constexpr std::size_t kAdded = debug_bytes_per_block(kSerial);
  static constexpr std::size_t kTrailer = kAdded - kDebugHeaderBytes;
  static constexpr std::size_t kLargest = kLargestRequest - kAdded;

  // Before the inner call: CPython 3.6 numbers requests.
  static void count_request(const DebugHook& hook) noexcept {
    if constexpr (kSerial == Serial::before_request) hook.hooks->take_serial();
  }
  // After it: what to stamp on the block. CPython 3.6 stamps the newest number, which is that of
  // the raw block below if there is one; 3.7 numbers blocks.
  static std::uint64_t stamp(const DebugHook& hook) noexcept {
    if constexpr (kSerial == Serial::before_request) return hook.hooks->serial();
    if constexpr (kSerial == Serial::after_success) return hook.hooks->take_serial();
    return 0;
  }

  // Everything of a block but the user's bytes. Answers the user pointer.
  static std::byte* dress(const DebugHook& hook, std::byte* base, std::size_t size,
                          std::uint64_t serial) noexcept {
    std::byte* user = base + kDebugHeaderBytes;
    store_word(base, big_endian(size));
    store_word(base + 8, hook.tag_word);
    store_word(user + size, hook.guard_word);
    if constexpr (kSerial != Serial::none) {
      store_word(user + size + kDebugGuardBytes, big_endian(serial));
    }
    return user;
  }

  static std::byte* allocate(const DebugHook& hook, std::size_t size) noexcept {
    count_request(hook);
    if (size > kLargest) return nullptr;
    void* base = hook.inner.malloc(hook.inner.context, size + kAdded);
    if (base == nullptr) return nullptr;
    std::byte* user = dress(hook, static_cast<std::byte*>(base), size, stamp(hook));
    paint(user, hook.clean, size);
    return user;
  }

  static std::byte* allocate_zeroed(const DebugHook& hook, std::size_t size) noexcept {
    count_request(hook);
    if (size > kLargest) return nullptr;
    void* base = hook.inner.calloc(hook.inner.context, 1, size + kAdded);
    if (base == nullptr) return nullptr;
    return dress(hook, static_cast<std::byte*>(base), size, stamp(hook));
  }

  // CPython 3.6: nothing is painted before the inner call.
  static std::byte* resize_plainly(const DebugHook& hook, std::byte* user,
                                   std::size_t size) noexcept {
    const std::size_t old_size = stored_size(user);
    count_request(hook);
    if (size > kLargest) return nullptr;
    void* base = hook.inner.realloc(hook.inner.context, base_of(user), size + kAdded);
    if (base == nullptr) return nullptr;
    user = dress(hook, static_cast<std::byte*>(base), size, stamp(hook));
    if (size > old_size) paint(user + old_size, hook.clean, size - old_size);
    return user;
  }

  // CPython 3.7+, "erase 64": the block's ends are saved and painted dead, so that whoever still
  // uses the old place sees it, and written back afterwards. The middle is left alone.
  static std::byte* resize_erasing(const DebugHook& hook, std::byte* user,
                                   std::size_t size) noexcept {
    constexpr std::size_t kSaved = 64;
    if (size > kLargest) return nullptr;
    const std::size_t old_size = stored_size(user);
    const std::size_t head_bytes = std::min(old_size, kSaved);
    const std::size_t tail_bytes = std::min(old_size - head_bytes, kSaved);
    const std::size_t tail_at = old_size - tail_bytes;
    std::byte head[kSaved];
    std::byte tail[kSaved];
    std::memcpy(head, user, head_bytes);
    std::memcpy(tail, user + tail_at, tail_bytes);
    const std::uint64_t old_serial = stored_serial(user, old_size);
    paint(base_of(user), hook.dead, kDebugHeaderBytes + head_bytes);
    paint(user + tail_at, hook.dead, tail_bytes + kTrailer);

    count_request(hook);
    void* base = hook.inner.realloc(hook.inner.context, base_of(user), size + kAdded);
    const std::size_t new_size = base == nullptr ? old_size : size;
    std::byte* result = base == nullptr
                            ? dress(hook, base_of(user), old_size, old_serial)
                            : dress(hook, static_cast<std::byte*>(base), size, stamp(hook));

    std::memcpy(result, head, std::min(new_size, head_bytes));
    if (new_size > tail_at) {
      std::memcpy(result + tail_at, tail, std::min(new_size - tail_at, tail_bytes));
    }
    if (new_size > old_size) paint(result + old_size, hook.clean, new_size - old_size);
    return base == nullptr ? nullptr : result;
  }

  static std::uint64_t stored_serial(const std::byte* user, std::size_t size) noexcept {
    if constexpr (kSerial == Serial::none) return 0;
    return big_endian(load_word(user + size + kDebugGuardBytes));
  }
};

// One domain's four functions, as they stand in its record.
template <Serial kSerial, bool kNeedsGil>
struct Functions {
  static void* malloc(void* context, std::size_t size) noexcept {
    const DebugHook& hook = hook_of(context);
    if (!may_enter<kNeedsGil>(hook, DebugOperation::malloc)) return nullptr;
    return Layout<kSerial>::allocate(hook, size);
  }

  // REQUIRES: the product does not overflow, which the public entry points see to.
  static void* calloc(void* context, std::size_t count, std::size_t size) noexcept {
    const DebugHook& hook = hook_of(context);
    if (!may_enter<kNeedsGil>(hook, DebugOperation::calloc)) return nullptr;
    return Layout<kSerial>::allocate_zeroed(hook, count * size);
  }

  static void* realloc(void* context, void* block, std::size_t size) noexcept {
    const DebugHook& hook = hook_of(context);
    if (!may_enter<kNeedsGil>(hook, DebugOperation::realloc)) return nullptr;
    if (block == nullptr) return Layout<kSerial>::allocate(hook, size);
    auto* user = static_cast<std::byte*>(block);
    if (!check(hook, DebugOperation::realloc, user)) return nullptr;
    return hook.realloc_erases ? Layout<kSerial>::resize_erasing(hook, user, size)
                               : Layout<kSerial>::resize_plainly(hook, user, size);
  }

  static void free(void* context, void* block) noexcept {
    const DebugHook& hook = hook_of(context);
    if (!may_enter<kNeedsGil>(hook, DebugOperation::free)) return;
    if (block == nullptr) return;
    auto* user = static_cast<std::byte*>(block);
    if (!check(hook, DebugOperation::free, user)) return;
    std::byte* base = base_of(user);
    paint(base, hook.dead, stored_size(user) + Layout<kSerial>::kAdded);
    hook.inner.free(hook.inner.context, base);
  }

  static constexpr AllocatorRecord kRecord{
      .context = nullptr, .malloc = malloc, .calloc = calloc, .realloc = realloc, .free = free};
};

template <bool kNeedsGil>
const AllocatorRecord& functions(Serial serial) noexcept {
  switch (serial) {
    case Serial::none: return Functions<Serial::none, kNeedsGil>::kRecord;
    case Serial::before_request: return Functions<Serial::before_request, kNeedsGil>::kRecord;
    case Serial::after_success: return Functions<Serial::after_success, kNeedsGil>::kRecord;
  }
  return Functions<Serial::none, kNeedsGil>::kRecord;
}

const AllocatorRecord& functions(Domain domain, Serial serial) noexcept {
  return domain == Domain::raw ? functions<false>(serial) : functions<true>(serial);
}

}  // namespace

DebugHooks::DebugHooks(const Profile& profile, DebugReporter reporter, GilCheck gil) noexcept
    : serial_kind_(profile.serial), profile_(profile), reporter_(reporter) {
  for (const Domain domain : {Domain::raw, Domain::mem, Domain::obj}) {
    std::array<std::uint8_t, 8> guards;
    guards.fill(profile.bytes.forbidden);
    DebugHook& hook = hooks_[index(domain)];
    hook.guard_word = std::bit_cast<std::uint64_t>(guards);
    guards[0] = static_cast<std::uint8_t>(debug_tag(domain));
    hook.tag_word = std::bit_cast<std::uint64_t>(guards);
    hook.clean = profile.bytes.clean;
    hook.dead = profile.bytes.dead;
    hook.realloc_erases = profile.realloc_erases;
    hook.domain = domain;
    if (domain != Domain::raw) hook.gil = gil;
    hook.hooks = this;
  }
}

void DebugHooks::set_up(Domain domain, AllocatorRecord& record) noexcept {
  if (is_hook(domain, record)) return;
  hooks_[index(domain)].inner = record;
  record = this->record(domain);
}

AllocatorRecord DebugHooks::record(Domain domain) const noexcept {
  AllocatorRecord record = functions(domain, serial_kind_);
  record.context = const_cast<DebugHook*>(&hooks_[index(domain)]);  // its functions only read it
  return record;
}

bool DebugHooks::is_hook(Domain domain, const AllocatorRecord& record) const noexcept {
  return record.malloc == functions(domain, serial_kind_).malloc;
}

void DebugHooks::report(DebugFailure failure) noexcept {
  failure.traceback = traceback_;
  reporter_.report(reporter_.context, failure, profile_);
}

}  // namespace pymemlab
