// Sites: which line of Python is running when a block is asked for, and the lines that called it.
//
// The interpreter's frames are read where they are, by their layout in each version: asking the
// interpreter would allocate. Nothing is held or changed.
#pragma once

#include <cstdint>

#include "core/record/agent/python_api.h"

namespace pymemlab::agent {

// Readies the telling of sites, `depth` lines deep. False if this interpreter's frames are not
// known, or there is no memory: there are no sites then.
[[nodiscard]] bool arm_sites(const PythonApi& api, unsigned depth) noexcept;
// The number of the site that the thread is at; 0 if no Python function runs in it. A site that is
// new is told in the stream first. `holds_gil` says whether the caller must hold the GIL.
[[nodiscard]] std::uint32_t current_site(bool holds_gil) noexcept;
// The collector is another, which knows of no site yet.
void forget_sites() noexcept;
// In a forked child: other threads, whatever they held, are gone.
void forget_site_threads() noexcept;

}  // namespace pymemlab::agent
