"""The mimalloc configurations through the main job: a valid document that names the engine, nothing
in it left over, and older profiles refusing the name in their own words."""
import json
import os
import sys
import tempfile
import unittest

from programs import run

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PYMEMLAB = os.environ["PYMEMLAB"]
TRACE = os.path.join(ROOT, "traces", "expression_compiler.pmtrace")


def replay(output, *options):
    return run(PYMEMLAB, "replay", TRACE, "--rounds", "1", "--samples", "50", "--allow-debug-build", "-o", output, *options)


class Mimalloc(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.output = os.path.join(self.folder.name, "results.json")

    def test_a_replay_names_the_engine_and_adds_up(self):
        done = replay(self.output, "-c", "pymalloc,mimalloc,mimalloc_debug", "--profile", "3.13")
        self.assertEqual(done.returncode, 0, done.stderr)
        validator = os.path.join(ROOT, "tests", "results", "validate.py")
        valid = run(sys.executable, validator, self.output)
        self.assertEqual(valid.returncode, 0, valid.stdout)
        with open(self.output, encoding="utf-8") as file:
            cells = {cell["configuration"]: cell for cell in json.load(file)["cells"]}
        self.assertIsNone(cells["pymalloc"]["engine"])
        for name in ("mimalloc", "mimalloc_debug"):
            engine = cells[name]["engine"]
            self.assertEqual((engine["name"], engine["note"]), ("mimalloc", "placement is not modelled"))
            self.assertRegex(engine["text"][3], r"^    Allocated Blocks: \d+$")
            self.assertIsNone(cells[name]["pymalloc"])
            self.assertEqual(set(cells[name]["memory"]["series"]["residual_bytes"]), {0})
            self.assertGreater(cells[name]["time"]["summary"]["median_ns_per_event"], 0)
            self.assertIsNone(cells[name]["memory"]["fragmentation"]["pinned_1pct"]["value"])

    def test_the_four_of_every_profile_stay_the_default(self):
        done = replay(self.output)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.output, encoding="utf-8") as file:
            names = [cell["configuration"] for cell in json.load(file)["cells"]]
        self.assertEqual(names, ["pymalloc", "pymalloc_debug", "malloc", "malloc_debug"])

    def test_older_profiles_refuse_the_name_in_their_words(self):
        for profile, words in (("3.6", "unknown allocator"), ("3.12", "PYTHONMALLOC: unknown allocator")):
            done = replay(self.output, "-c", "mimalloc", "--profile", profile)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
