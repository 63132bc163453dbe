// XXH3, each of its functions by the machine's widest vectors.
#pragma once

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>
#ifdef __x86_64__
#include <xxh_x86dispatch.h>
#endif
