// "Has this been freed?": CPython's own four acceptance cases, and every byte pattern per profile.
#include "core/pymem/freed.h"

#include <gtest/gtest.h>

#include <bit>

#include "tests/pymem/memory_fixture.h"

namespace pymemlab {
namespace {

struct Object {
  std::size_t references = 1;
  const void* type = nullptr;
};

constexpr Version kPython38{3, 8, 0};

const void* pointer_of(std::uint8_t byte) {
  return std::bit_cast<const void*>(byte * (UINTPTR_MAX / 0xFF));
}

bool object_of_type_looks_freed(const Profile& profile, const void* type) {
  const Object object{.type = type};
  return object_looks_freed(profile, &object);
}

bool asks_for_dead_bytes_alone(const Profile& profile) {
  return profile.name == "3.6" || profile.name == "3.7.3";
}

TEST(Freed, AnObjectWithoutATypeIsFreedFrom38) {
  for (const Profile& profile : profiles()) {
    EXPECT_EQ(object_of_type_looks_freed(profile, nullptr), profile.since >= kPython38)
        << profile.name;
  }
}

TEST(Freed, AFreshlyAllocatedObjectIsFreedFrom374) {
  for (const Profile& profile : profiles()) {
    Memory memory(options_for(profile, "pymalloc_debug"));
    void* object = memory.malloc(Domain::obj, sizeof(Object));
    EXPECT_EQ(object_looks_freed(profile, object), !asks_for_dead_bytes_alone(profile))
        << profile.name;
    memory.free(Domain::obj, object);
  }
}

TEST(Freed, AnObjectWhoseTypeLiesInTheGuardsIsFreedFrom374) {
  for (const Profile& profile : profiles()) {
    Memory memory(options_for(profile, "pymalloc_debug"));
    void* reference_count_alone = memory.malloc(Domain::obj, sizeof(Object::references));
    EXPECT_EQ(object_looks_freed(profile, reference_count_alone),
              !asks_for_dead_bytes_alone(profile))
        << profile.name;
    memory.free(Domain::obj, reference_count_alone);
  }
}

TEST(Freed, AFreedObjectIsFreedInEveryProfile) {
  for (const Profile& profile : profiles()) {
    Memory memory(options_for(profile, "pymalloc_debug"));
    void* keeps_the_arena = memory.malloc(Domain::obj, 1);
    auto* object = static_cast<Object*>(memory.malloc(Domain::obj, sizeof(Object)));
    *object = {.references = 1, .type = &profile};
    EXPECT_FALSE(object_looks_freed(profile, object)) << profile.name;
    memory.free(Domain::obj, object);
    EXPECT_TRUE(object_looks_freed(profile, object)) << profile.name;
    memory.free(Domain::obj, keeps_the_arena);
  }
}

// Answers read from real interpreters (3.6.15, 3.7.16, 3.8.18 to 3.13.0), and 3.7.3 by its bytes.
TEST(Freed, OnlyTheProfilesOwnBytesCount) {
  for (const Profile& profile : profiles()) {
    for (const int byte : {0xCB, 0xDB, 0xFB, 0xCD, 0xDD, 0xFD, 0xCE, 0xFF, 0x01}) {
      const bool wanted = asks_for_dead_bytes_alone(profile)
                              ? byte == 0xDB
                              : byte == 0xCD || byte == 0xDD || byte == 0xFD;
      const void* pointer = pointer_of(static_cast<std::uint8_t>(byte));
      EXPECT_EQ(pointer_looks_freed(profile, pointer), wanted) << profile.name << " " << byte;
      EXPECT_EQ(object_of_type_looks_freed(profile, pointer), wanted);
    }
    const auto almost = std::bit_cast<const void*>(UINTPTR_MAX / 0xFF * 0xDD - 1);
    EXPECT_FALSE(pointer_looks_freed(profile, almost));
  }
}

TEST(Freed, AnAddressThatLooksFreedIsNotReadFrom374) {
  for (const Profile& profile : profiles()) {
    if (asks_for_dead_bytes_alone(profile)) continue;
    for (const int byte : {0xCD, 0xDD, 0xFD}) {
      EXPECT_TRUE(object_looks_freed(profile, pointer_of(static_cast<std::uint8_t>(byte))));
    }
    if (profile.freed == FreedTest::painted_or_null) {
      EXPECT_TRUE(object_looks_freed(profile, nullptr));
    }
  }
}

}  // namespace
}  // namespace pymemlab
