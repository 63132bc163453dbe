#!/usr/bin/env python3
"""What a run of `pymemlab replay` costs: eight cells of a synthetic trace with one round each, in
seconds and in processor seconds; and what the samples of the footprint add to the footprint passes.

    bench/run_cost.py build/release/pymemlab [EVENTS]        50000000 events unless told

The wish: under 60 seconds for 50 million events, and at most 30 % for 2 000 samples.
"""
import os
import resource
import subprocess
import sys
import tempfile
import time

CELLS = ["-c", "pymalloc,pymalloc_debug,malloc,malloc_debug", "--profile", "3.13",
         "--system-malloc", "glibc,glibc:tcache_count=0"]


def seconds_of(command):
    """(elapsed, of the processors)"""
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before, begin = used(), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - begin, used() - before


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    program = sys.argv[1]
    events = sys.argv[2] if len(sys.argv) == 3 else "50000000"
    with tempfile.TemporaryDirectory() as folder:
        trace, output = os.path.join(folder, "t.pmtrace"), os.path.join(folder, "r.json")
        subprocess.run([program, "synth", "object-churn", "--events", events, "-o", trace], check=True)
        print("%s events of object-churn; load %.1f on %d processors"
              % (events, os.getloadavg()[0], len(os.sched_getaffinity(0))))

        def replay(*words, rounds=1):
            return seconds_of([program, "replay", trace, "--rounds", str(rounds), "-o", output, *words])

        print("eight cells, one round each:    %5.1f s, of processors %5.1f s" % replay(*CELLS))
        one = ["-c", "pymalloc", "--profile", "3.13"]
        sampled, unsampled = replay(*one)[1], replay(*one, "--samples", "1")[1]
        reading = seconds_of([program, "info", trace])[1]
        a_round = max(0, replay(*one, "--samples", "1", rounds=2)[1] - unsampled)
        passes = unsampled - reading - a_round
        print("of processors, for one cell:    reading %.1f s, a round %.1f s, footprint passes %.1f s"
              % (reading, a_round, passes))
        print("2000 samples add %.1f s to the footprint passes: %.0f %%"
              % (sampled - unsampled, 100 * (sampled - unsampled) / passes))


if __name__ == "__main__":
    main()
