#!/usr/bin/env bash
# Installs the build tree given to a fresh prefix and builds and runs programs against the C API there,
# from outside of the tree: through the CMake package in C and C++, and through pkg-config with cc.
set -euo pipefail
build=$1
source=$2/tests/package/pymem
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

expect() {  # STATUS PATTERN COMMAND...
  local wanted=$1 pattern=$2 status=0
  shift 2
  "$@" >"$work/output" 2>&1 || status=$?
  if [ "$status" -ne "$wanted" ] || ! grep -q -- "$pattern" "$work/output"; then
    cat "$work/output" >&2
    echo "exit status $status; wanted $wanted and '$pattern': $*" >&2
    exit 1
  fi
}

try_program() {  # PROGRAM
  expect 0 '^allocated blocks: 2$' "$1" 3.11
  expect 0 '^1 arenas \* 1048576 bytes/arena ' "$1" 3.11
  expect 0 '^1 arenas \* 262144 bytes/arena ' "$1" 3.8
  expect 0 '^allocated blocks: 0$' env PYTHONMALLOC=malloc "$1" 3.11
  expect 2 '^PYTHONMALLOC=foo: CPython 3.11 refuses it' env PYTHONMALLOC=foo "$1" 3.11
}

cmake --install "$build" --prefix "$work/prefix" >/dev/null
cmake -S "$source" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/build" >/dev/null
try_program "$work/build/program_c"
expect 0 '^allocated blocks: 2$' "$work/build/program_cc"
expect 0 '^then: 0$' "$work/build/program_cc"

pc_file=$(find "$work/prefix" -name pymemlab.pc)
export PKG_CONFIG_PATH=${pc_file%/*}
library=$(find "$work/prefix" -name libpymemlab-pymem.so)
export LD_LIBRARY_PATH=${library%/*}
read -r -a flags <<<"$(pkg-config --cflags --libs pymemlab) ${CFLAGS:-}"
cc -std=c11 -Wall -Wextra -pedantic -Werror "$source/program.c" "${flags[@]}" -o "$work/program"
try_program "$work/program"

# Where the compiler can see it (GCC 11 and later), a block freed in another domain is a warning.
if ! cc -dM -E - </dev/null | grep -q __clang__; then
  printf '%s\n' '#include <pymemlab/pymem.h>' 'int main(void) { PyMem_RawFree(PyMem_Malloc(1)); return 0; }' >"$work/mixed.c"
  expect 1 'mismatched-dealloc' cc -Wall -Werror "$work/mixed.c" "${flags[@]}" -o "$work/mixed"
fi
