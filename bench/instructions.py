#!/usr/bin/env python3
"""Instructions an event takes in the replay loop, counted by callgrind: with a target that does
nothing, with the model, and with the real pymalloc of every libpython on the machine and its malloc.

    bench/instructions.py build/release traces/*.pmtrace

Prints for every libpython that `pymemlab replay --list` names the instructions an event, net of
the empty loop, of the real one, of the model with that version's profile, their ratio, and what
the real one takes as under PYTHONMALLOC=malloc; and where the newest model's go. Needs valgrind.
A trace takes some minutes.
"""
import csv
import io
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "tools"))
from programs import targets  # noqa: E402


def series(version):
    return re.match(r"\d+\.\d+", version).group(0)


def count(bench, trace, target, library=None, profile=None):
    """Instructions in the loop and below it per event, and the profile's file."""
    output = tempfile.NamedTemporaryFile(suffix=".callgrind", delete=False).name
    environment = dict(os.environ)
    environment.pop("PYMEMLAB_LIBPYTHON", None)
    if library:
        environment["PYMEMLAB_LIBPYTHON"] = library
    if profile:
        environment["PYMEMLAB_PROFILE"] = profile
    stem = os.path.splitext(os.path.basename(trace))[0]
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + output,
         "--toggle-collect=*replay*Touch*", bench, "--benchmark_format=csv",
         "--benchmark_min_time=0.000001", "--benchmark_filter=/%s/%s$" % (stem, target), trace],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    lines = done.stdout[done.stdout.find("name,"):]
    rows = list(csv.DictReader(io.StringIO(lines)))
    if done.returncode != 0 or not collected or not rows:
        sys.exit("instructions: %s of %s did not run:\n%s" % (target, stem, done.stderr[-2000:]))
    events = float(rows[0]["events"]) * int(rows[0]["iterations"])
    return int(collected.group(1)) / events, output, events


def functions(profile, events):
    """(instructions an event, name) of each function, the largest first."""
    listing = subprocess.run(["callgrind_annotate", "--threshold=99.5", profile],
                             stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
    rows = []
    for line in listing.splitlines():
        row = re.match(r"\s*([\d,]+) \(\s*[\d.]+%\)\s+\S*?:(.*)", line)
        if row:
            name = re.sub(r" \[.*", "", row.group(2))
            name = re.sub(r"<.*>", "<...>", name)
            rows.append((int(row.group(1).replace(",", "")) / events, name))
    return rows


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    build, traces = sys.argv[1], sys.argv[2:]
    bench = os.path.join(build, "bench", "replay_bench")
    libpythons = targets(os.path.join(build, "pymemlab"), "libpython")
    for trace in traces:
        empty, _, _ = count(bench, trace, "null")
        print("%s: empty loop %.1f" % (os.path.basename(trace), empty))
        print("  %-14s %6s %6s %6s %6s" % ("", "real", "model", "ratio", "malloc"))
        for library, version in libpythons:
            real = count(bench, trace, "libpython", library)[0] - empty
            model, profile, events = count(bench, trace, "pymalloc", None, series(version))
            model -= empty
            malloc = count(bench, trace, "libpython_malloc", library)[0] - empty
            print("  %-14s %6.1f %6.1f %6.2f %6.1f" % (version, real, model, model / real, malloc))
        print("  where the model's are, the loop's own included:")
        for instructions, name in functions(profile, events)[:14]:
            print("    %6.2f %s" % (instructions, name))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
