#!/usr/bin/env python3
"""Instructions that the recording agent adds to a program, counted by callgrind inside it.

    bench/agent_instructions.py [--pymemlab PATH] [--python PYTHON] [PROGRAM SIZE]...

Programs are those of workloads/python; text_statistics 1 unless told. Prints for each how many events it
makes, the agent's own instructions an event while it records and in a pause, and what share of the
program's own instructions those are. Needs valgrind; a program takes about a minute.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

FOLDER = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(FOLDER, "..", "workloads", "python")
AGENT = "libpymemlab-agent"


def output_of(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit("agent_instructions: {} failed: {}".format(" ".join(command), done.stderr[-2000:]))
    return done.stdout


def instructions(profile):
    """(the agent's, all others) of a callgrind profile."""
    agent = others = 0
    for line in output_of("callgrind_annotate", "--threshold=100", profile).splitlines():
        row = re.match(r" *([\d,]+) \([ \d.]+%\)  ", line)
        if not row or "PROGRAM TOTALS" in line:
            continue
        count = int(row.group(1).replace(",", ""))
        if AGENT in line:
            agent += count
        else:
            others += count
    return agent, others


def count(options, script, folder, *flags):
    """(events recorded, the agent's instructions, the program's own)."""
    trace, profile = os.path.join(folder, "t.pmtrace"), os.path.join(folder, "callgrind.out")
    output_of(options.pymemlab, "record", *flags, "-o", trace, "--", "valgrind", "--tool=callgrind",
              "--callgrind-out-file=" + profile, options.python, *script)
    events = 0
    if not flags:
        events = json.loads(output_of(options.pymemlab, "info", "--json", trace))["summary"]["events"]
    return (events, *instructions(profile))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pymemlab", default=os.path.join(FOLDER, "..", "build", "release", "pymemlab"))
    parser.add_argument("--python", default=shutil.which("python3"))
    parser.add_argument("programs", nargs="*", metavar="PROGRAM SIZE", default=["text_statistics", "1"])
    options = parser.parse_args()
    for name, size in zip(options.programs[::2], options.programs[1::2]):
        script = [os.path.join(PROGRAMS, name + ".py"), size]
        with tempfile.TemporaryDirectory() as folder:
            events, recording, own = count(options, script, folder)
            _, paused, _ = count(options, script, folder, "--start-paused")
        print("{} {}: {} events, {:.0f} instructions an event; the agent's: {:.1f} recording ({:.1f} %), {:.2f} paused "
              "({:.1f} %)".format(name, size, events, own / events, recording / events, 100 * recording / own,
                                  paused / events, 100 * paused / own))


if __name__ == "__main__":
    main()
