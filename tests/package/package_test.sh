#!/usr/bin/env bash
# Installs the build tree given to a fresh prefix and builds and runs a program against it, from outside
# of the tree. Also: the installed program finds its agent and its traces.
set -euo pipefail
build=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >/dev/null
cmake -S "$source/tests/package" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/build" >/dev/null
"$work/build/embedder" | grep -q '^in a pool: yes, usable: 48 bytes$'
"$work/build/embedder" | grep -q '^Small block threshold = 512, in 32 size classes.$'
"$work/prefix/bin/pymemlab" --version
(cd "$work" && prefix/bin/pymemlab replay --rounds 1 --samples 10 -c pymalloc --allow-debug-build -o - >results.json)
(cd "$work" && prefix/bin/pymemlab report results.json && grep -q '^<title>pymemlab report</title>$' report.html)
if command -v python3 >/dev/null; then
  (cd "$work" && prefix/bin/pymemlab record -o t.pmtrace -- python3 -c pass && prefix/bin/pymemlab verify t.pmtrace)
fi
