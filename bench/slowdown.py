#!/usr/bin/env python3
"""What recording costs: whole programs, recorded and not, in pairs.

    bench/slowdown.py [--pymemlab PATH] [--python PYTHON] [--pairs N] [--others N] [PROGRAM SIZE]...

Every pair runs a program alone and under `pymemlab record`, in random order, one pair of each program after
the other. --others says how many times it is also run under `-X tracemalloc` and under heaptrack (if there
is one; with PYTHONMALLOC=malloc, for it sees what the C library is asked). Prints a table: seconds alone;
the program's wall time recorded / alone, the median of the pairs and the two of them between which the true
median lies in at least 95 % of such series (all of them if they are fewer than six); the same until the trace
is complete; the collector's own CPU time in % of the program's; bytes an event on disk, with addresses and
without; the other two tools' ratios of medians.
"""
import argparse
import math
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(FOLDER, "..", "workloads", "python")
DEFAULT = [("import_heavy", 24), ("json_documents", 20), ("text_search", 20), ("request_server", 14),
           ("source_parsing", 6), ("expression_compiler", 10), ("symbolic_algebra", 3),
           ("text_statistics", 14)]
# The program's own times: a shell tells of its children what record cannot tell from its own.
TIMED = ["bash", "-c", 'TIMEFORMAT="%R %U %S"; time "$@" > /dev/null 2> /dev/null', "bash"]


class Run:
    """Seconds: of the whole, of the program, its CPU's; and what `prefix` said."""

    def __init__(self, prefix, program, environment=None):
        begin = time.monotonic()
        done = subprocess.run(prefix + TIMED + program, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, env=dict(os.environ, **(environment or {})))
        self.whole = time.monotonic() - begin
        if done.returncode != 0:
            sys.exit("{} failed: {}".format(" ".join(prefix + program), done.stderr))
        times = re.search(r"^(\d+\.\d+) (\d+\.\d+) (\d+\.\d+)$", done.stderr, re.MULTILINE)
        self.wall, user, system = map(float, times.groups())
        self.cpu = user + system
        self.said = done.stderr


def cpu_of_children():
    times = os.times()
    return times.children_user + times.children_system


def interval(values):
    count, rank, outside = len(values), 0, 0
    while True:  # a median lies below the smallest rank of them with the odds of so many tosses of a coin
        outside += 2 * math.comb(count, rank) / 2**count
        if outside > 0.05:
            break
        rank += 1
    ordered = sorted(values)
    return ordered[max(rank, 1) - 1], ordered[-max(rank, 1)]


class Program:
    def __init__(self, name, size, options, folder):
        self.name, self.options = name, options
        self.trace = os.path.join(folder, name + ".pmtrace")
        self.folder = folder
        self.script = [os.path.join(PROGRAMS, name + ".py"), str(size)]
        self.alone, self.ratios, self.complete, self.collector = [], [], [], []
        self.others = {"tracemalloc": [], "heaptrack": []}
        self.said = ""

    def run_alone(self):
        return Run([], [self.options.python] + self.script)

    def run_recorded(self):
        before = cpu_of_children()
        recorded = Run([self.options.pymemlab, "record", "-o", self.trace, "--"],
                       [self.options.python] + self.script)
        recorded.collector = cpu_of_children() - before - recorded.cpu
        self.said = recorded.said
        return recorded

    def pair(self):
        if random.random() < 0.5:
            alone, recorded = self.run_alone(), self.run_recorded()
        else:
            recorded, alone = self.run_recorded(), self.run_alone()
        self.alone.append(alone.wall)
        self.ratios.append(recorded.wall / alone.wall)
        self.complete.append(recorded.whole / alone.whole)
        self.collector.append(100 * max(recorded.collector, 0) / alone.cpu)

    def other_tools(self):
        self.others["tracemalloc"].append(Run([], [self.options.python, "-X", "tracemalloc"] + self.script).wall)
        heaptrack = shutil.which("heaptrack")
        if heaptrack:
            target = os.path.join(self.folder, "heaptrack")
            self.others["heaptrack"].append(Run([heaptrack, "-o", target], [self.options.python] + self.script,
                                                {"PYTHONMALLOC": "malloc"}).wall)

    def bytes_an_event(self):
        events = int(re.search(r"recorded (\d+) events", self.said).group(1))
        small = self.trace + ".small.pmtrace"
        subprocess.run([self.options.pymemlab, "convert", "--drop", "address", self.trace, small], check=True,
                       stderr=subprocess.DEVNULL)
        return events, os.path.getsize(self.trace) / events, os.path.getsize(small) / events

    def row(self):
        low, high = interval(self.ratios)
        events, with_addresses, without = self.bytes_an_event()
        alone = statistics.median(self.alone)
        others = [("{:.2f}".format(statistics.median(walls) / alone) if walls else "-")
                  for walls in self.others.values()]
        return "| {} | {:.2f} | {:.1f} | {:.3f} ({:.3f} to {:.3f}) | {:.2f} | {:.0f} % | {:.2f} | {:.2f} | {} |".format(
            self.name, alone, events / 1e6, statistics.median(self.ratios), low, high,
            statistics.median(self.complete), statistics.median(self.collector), with_addresses, without, " | ".join(others))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pymemlab", default=os.path.join(FOLDER, "..", "build", "release", "pymemlab"))
    parser.add_argument("--python", default=shutil.which("python3"))
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--others", type=int, default=3)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM SIZE")
    options = parser.parse_args()
    chosen = list(zip(options.programs[::2], options.programs[1::2])) or DEFAULT
    with tempfile.TemporaryDirectory() as folder:
        programs = [Program(name, size, options, folder) for name, size in chosen]
        for program in programs:
            program.run_alone()
        for _ in range(options.pairs):
            for program in programs:
                program.pair()
        for _ in range(options.others):
            for program in programs:
                program.other_tools()
        print("| program | seconds | million events | recorded / alone | until complete | collector's CPU | bytes an event "
              "| without addresses | tracemalloc | heaptrack |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        for program in programs:
            print(program.row())
        medians = [statistics.median(program.ratios) for program in programs]
        print("\nrecorded / alone: geometric mean {:.3f}, worst {:.3f}".format(
            statistics.geometric_mean(medians), max(medians)))


if __name__ == "__main__":
    main()
