// The calls of libc that start programs are ours in every process that the agent is in, so that a
// process tree is followed without the agent showing in anybody's environment.
#pragma once

namespace pymemlab::agent {

// Looks up what stands behind them, before the first of them is called.
void find_started_programs() noexcept;

}  // namespace pymemlab::agent
