#!/usr/bin/env python3
"""Reading a trace takes no more memory the longer it is: info and convert, ten times the events."""
import os
import resource
import subprocess
import sys
import tempfile
import unittest

PYMEMLAB = os.environ.get("PYMEMLAB", "pymemlab")
MOST_BYTES = 64 << 20
MOST_GROWTH_BYTES = 8 << 20


def peak_bytes(*arguments):
    """The most memory that the command had resident."""
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen([PYMEMLAB, *arguments], stdout=nowhere)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    if status != 0:
        raise AssertionError(f"pymemlab {' '.join(arguments)} ended with {status}")
    return usage.ru_maxrss * 1024


class Memory(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = folder.name
        for name, events in (("short", 2_000_000), ("long", 20_000_000)):
            subprocess.run([PYMEMLAB, "synth", "batch-server", "--events", str(events), "-o",
                            self.trace(name)], check=True)

    def trace(self, name):
        return os.path.join(self.path, name + ".pmtrace")

    def expect_bounded(self, *arguments):
        short = peak_bytes(*(self.trace("short") if word == "TRACE" else word for word in arguments))
        long = peak_bytes(*(self.trace("long") if word == "TRACE" else word for word in arguments))
        self.assertLess(long, MOST_BYTES, arguments)
        self.assertLess(long, short + MOST_GROWTH_BYTES, arguments)

    def test_of_info_is_bounded(self):
        self.expect_bounded("info", "TRACE")
        self.expect_bounded("info", "--validate", "TRACE")

    def test_of_convert_is_bounded(self):
        self.expect_bounded("convert", "TRACE", os.path.join(self.path, "copy.pmtrace"))
        self.expect_bounded("convert", "--slice", "1500000:", "--anonymize", "TRACE",
                            os.path.join(self.path, "slice.pmtrace"))


if __name__ == "__main__":
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > MOST_BYTES:
        sys.exit("memory_test: this interpreter itself takes more than what is tested")
    unittest.main()
