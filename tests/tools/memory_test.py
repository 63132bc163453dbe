#!/usr/bin/env python3
"""Reading a trace takes no more memory the longer it is: info and convert, ten times the events."""
import os
import resource
import subprocess
import sys
import tempfile
import unittest

from programs import peak_resident_bytes

PYMEMLAB = os.environ.get("PYMEMLAB", "pymemlab")
MOST_BYTES = 64 << 20
MOST_GROWTH_BYTES = 16 << 20  # a second reader with its ring: --validate goes back to key chunks


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
        short, long = (
            peak_resident_bytes([PYMEMLAB, *(self.trace(name) if word == "TRACE" else word for word in arguments)])
            for name in ("short", "long"))
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
