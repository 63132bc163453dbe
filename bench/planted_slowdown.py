#!/usr/bin/env python3
"""Whether a small slowdown, of 5 % unless told, is found: real runs of `pymemlab replay` and what `compare` says of them.

    bench/planted_slowdown.py [--ratio R] [--pymemlab PATH] [--library PATH] [--runs N] [--rounds N] [--events N]

The configuration malloc is replayed over glibc and over the same glibc behind a malloc that waits a
little (bench/slow_malloc.cc), interleaved in one run. How little is found first: it turns around so
often that the median ratio over --calibration rounds comes nearest to R, 1.05. Prints for each run the
ratio, its interval and the verdict; status 1 if fewer than nine in ten say "slower".
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

FOLDER = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(FOLDER, "..", "build", "release")


def cells(options, trace, library, spins, rounds, seed):
    """compare's rows: glibc, then what is beside it."""
    environment = dict(os.environ, SLOW_MALLOC_SPINS=str(spins))
    results = trace + ".json"
    subprocess.run([options.pymemlab, "replay", trace, "-c", "malloc", "--system-malloc", "glibc," + library,
                    "--rounds", str(rounds), "--samples", "1", "--seed", str(seed), "-o", results],
                   check=True, stderr=subprocess.DEVNULL, env=environment)
    done = subprocess.run([options.pymemlab, "compare", results, "--format", "json"], check=True,
                          stdout=subprocess.PIPE)
    return json.loads(done.stdout)["traces"][0]["cells"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ratio", type=float, default=1.05)
    parser.add_argument("--pymemlab", default=os.path.join(BUILD, "pymemlab"))
    parser.add_argument("--library", default=os.path.join(BUILD, "bench", "libslow_malloc.so"))
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--calibration", type=int, default=200)
    parser.add_argument("--events", type=int, default=100000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "churn.pmtrace")
        subprocess.run([options.pymemlab, "synth", "object-churn", "--events", str(options.events), "-o", trace],
                       check=True, stderr=subprocess.DEVNULL)
        measured = []
        for spins in range(0, 20):
            ratio = cells(options, trace, options.library, spins, options.calibration, 1)[1]["time"]["ratio"]
            measured.append((abs(ratio - options.ratio), spins, ratio))
            if ratio > options.ratio + 0.03:
                break
        _, spins, ratio = min(measured)
        print(f"{spins} turns: {ratio:.3f} times as long in the calibration")
        found = 0
        for run in range(options.runs):
            time = cells(options, trace, options.library, spins, options.rounds, run + 2)[1]["time"]
            found += time["verdict"] == "slower"
            low, high = time["ratio_interval"]
            print(f"run {run + 1}: {time['ratio']:.3f} [{low:.3f}, {high:.3f}] {time['verdict']}", flush=True)
        print(f"found in {found} of {options.runs} runs of {options.rounds} rounds")
        sys.exit(0 if found * 10 >= options.runs * 9 else 1)


if __name__ == "__main__":
    main()
