// Two functions of libc are ours in every process that the agent is in: setlocale and sem_init. An
// interpreter that starts calls them just after it has replaced the allocators' records, so they
// are the moments to look. They do what they always did.
#pragma once

namespace pymemlab::agent {

// Hooks a CPython that the process has loaded since it began, if a ring is offered.
void attach_late() noexcept;

}  // namespace pymemlab::agent
