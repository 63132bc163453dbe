#include "core/pymem/freed.h"

#include <cstring>

namespace pymemlab {
namespace {

bool is_all(std::uintptr_t value, std::uint8_t byte) noexcept {
  return value == byte * (UINTPTR_MAX / 0xFF);
}

}  // namespace

bool pointer_looks_freed(const Profile& profile, const void* pointer) noexcept {
  const auto value = reinterpret_cast<std::uintptr_t>(pointer);
  const bool dead = is_all(value, profile.bytes.dead);
  if (profile.freed == FreedTest::dead) return dead;
  return dead || is_all(value, profile.bytes.clean) || is_all(value, profile.bytes.forbidden) ||
         (profile.freed == FreedTest::painted_or_null && value == 0);
}

bool object_looks_freed(const Profile& profile, const void* object) noexcept {
  if (profile.freed != FreedTest::dead && pointer_looks_freed(profile, object)) return true;
  const void* type;
  std::memcpy(&type, static_cast<const std::byte*>(object) + sizeof(void*), sizeof(type));
  return pointer_looks_freed(profile, type);
}

}  // namespace pymemlab
