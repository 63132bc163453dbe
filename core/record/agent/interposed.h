// Two functions of libc are ours in every process that the agent is in: setlocale and sem_init. An
// interpreter that starts calls them just after it has replaced the allocators' records, so they
// are the moments to look. They do what they always did.
#pragma once

namespace pymemlab::agent {

// Records from here on if the process has come to load a CPython and the ring is still free.
void attach_late() noexcept;

}  // namespace pymemlab::agent
