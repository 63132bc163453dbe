#include "core/record/agent/environment.h"

#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace pymemlab::agent {
namespace {

// Where environ points to the variable's "NAME=value", or null.
char** find_entry(const char* name) noexcept {
  const std::size_t length = std::strlen(name);
  if (environ == nullptr) return nullptr;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return entry;
  }
  return nullptr;
}

}  // namespace

const char* find_variable(const char* name) noexcept {
  char** entry = find_entry(name);
  return entry == nullptr ? nullptr : *entry + std::strlen(name) + 1;
}

void remove_variable(const char* name) noexcept {
  char** entry = find_entry(name);
  if (entry == nullptr) return;
  std::memset(*entry, 0, std::strlen(*entry));
  for (; *entry != nullptr; ++entry) *entry = entry[1];
}

bool has_component(const char* list, const char* component) noexcept {
  const std::size_t length = std::strlen(component);
  for (const char* part = list; part != nullptr;) {
    const char* const colon = std::strchr(part, ':');
    const std::size_t part_length =
        colon == nullptr ? std::strlen(part) : static_cast<std::size_t>(colon - part);
    if (part_length == length && std::strncmp(part, component, length) == 0) return true;
    part = colon == nullptr ? nullptr : colon + 1;
  }
  return false;
}

void remove_component(const char* name, const char* component) noexcept {
  char** entry = find_entry(name);
  if (entry == nullptr) return;
  char* const value = *entry + std::strlen(name) + 1;
  const std::size_t length = std::strlen(component);
  if (std::strcmp(value, component) == 0) return remove_variable(name);
  for (char* part = value; part != nullptr;) {
    char* const colon = std::strchr(part, ':');
    const std::size_t part_length =
        colon == nullptr ? std::strlen(part) : static_cast<std::size_t>(colon - part);
    if (part_length == length && std::strncmp(part, component, length) == 0) {
      if (colon != nullptr) {
        std::memmove(part, colon + 1, std::strlen(colon + 1) + 1);
      } else {
        part[-1] = '\0';
      }
      return;
    }
    part = colon == nullptr ? nullptr : colon + 1;
  }
}

}  // namespace pymemlab::agent
