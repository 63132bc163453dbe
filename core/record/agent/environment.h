// The recorded program sees the environment it would have had. Edited in place, nothing allocated.
#pragma once

namespace pymemlab::agent {

// The variable's value, or null.
[[nodiscard]] const char* find_variable(const char* name) noexcept;
// Takes the variable away and wipes its text (which /proc shows).
void remove_variable(const char* name) noexcept;
// Whether `component` is one of a list separated by colons.
[[nodiscard]] bool has_component(const char* list, const char* component) noexcept;
// Takes `component` out of a list separated by colons; a list of nothing else goes altogether.
void remove_component(const char* name, const char* component) noexcept;

}  // namespace pymemlab::agent
