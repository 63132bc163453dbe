"""Which cells `pymemlab replay` makes of its lists, what it leaves out and why, and what --list shows."""
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "results"))
import programs
import validate

PYMEMLAB = os.environ["PYMEMLAB"]


def run(*words):
    return programs.run(PYMEMLAB, *words)


class Cells(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.trace = os.path.join(cls.folder.name, "small.pmtrace")
        made = run("synth", "object-churn", "--events", "20000", "-o", cls.trace)
        assert made.returncode == 0, made.stderr

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def replay(self, *words):
        """(document, messages) of a replay of one round."""
        done = run("replay", self.trace, "--rounds", "1", "--samples", "20", "-o", "-", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        with open(validate.SCHEMA, encoding="utf-8") as file:
            self.assertEqual(validate.faults(document, json.load(file)), [])
        return document, done.stderr

    def names(self, document):
        return [(cell["configuration"], cell["profile"], cell["system_malloc"]) for cell in document["cells"]]

    def test_lists_are_multiplied(self):
        document, _ = self.replay("-c", "pymalloc,malloc_debug", "--profile", "3.9,3.13",
                                  "--system-malloc", "glibc,glibc:tcache_count=0")
        wanted = [(c, p, m) for m in ("glibc", "glibc:tcache_count=0") for p in ("3.9", "3.13")
                  for c in ("pymalloc", "malloc_debug")]
        self.assertEqual(self.names(document), wanted)
        self.assertEqual({cell["malloc"]["name"] for cell in document["cells"]}, {"glibc"})

    def test_equal_cells_are_measured_once_and_that_is_said(self):
        document, messages = self.replay("-c", "pymalloc,default,malloc", "--profile", "3.9,3.13")
        self.assertEqual(self.names(document), [("pymalloc", "3.9", "glibc"), ("malloc", "3.9", "glibc"),
                                                ("pymalloc", "3.13", "glibc")])
        self.assertEqual(document["context"]["left_out"],
                         ["pymalloc was asked for twice (2 cells)",
                          "the model's configuration malloc is the same under every profile (1 cell)"])
        self.assertIn("pymemlab: left out: pymalloc was asked for twice (2 cells)\n", messages)

    def test_a_configuration_that_one_version_lacks_is_left_out_of_it(self):
        document, messages = self.replay("-c", "pymalloc,mimalloc", "--profile", "3.9,3.13")
        self.assertNotIn(("mimalloc", "3.9", "glibc"), self.names(document))
        self.assertIn(("mimalloc", "3.13", "glibc"), self.names(document))
        self.assertIn("CPython 3.9 has no configuration mimalloc (1 cell)", messages)

    def test_a_configuration_that_nobody_has_is_refused(self):
        done = run("replay", self.trace, "-c", "tcmalloc", "--profile", "3.9,3.13", "-o", "-")
        self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_a_budget_is_kept(self):
        done = run("replay", self.trace, "-c", "pymalloc,malloc", "--profile", "3.13", "--budget", "2s",
                   "--samples", "20", "-o", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        for cell in json.loads(done.stdout)["cells"]:
            self.assertGreater(len(cell["time"]["rounds"]), 5)
            self.assertIsNotNone(cell["memory"])
        done = run("replay", self.trace, "--budget", "soon", "-o", "-")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--budget soon: a time such as 90s, 10m or 1h was wanted", done.stderr)

    def test_latency_is_measured_when_it_is_asked_for(self):
        document, _ = self.replay("-c", "pymalloc,malloc_debug", "--latency")
        for cell in document["cells"]:
            kinds = cell["latency"]["kinds"]
            self.assertEqual(sum(kind["calls"] for kind in kinds), cell["replayed"]["events"])
            self.assertGreater(kinds[0]["p50_ns"], 0)
        document, _ = self.replay("-c", "pymalloc")
        self.assertIsNone(document["cells"][0]["latency"])
        self.assertEqual(document["cells"][0]["latency_reason"], "it was not asked for")

    def test_warm_rounds_processor_and_costs_stand_in_the_document(self):
        document, _ = self.replay("-c", "pymalloc,malloc", "--warm", "2", "--cpu", "last")
        for cell in document["cells"]:
            time = cell["time"]
            self.assertEqual([(row["kind"], row["repeat"]) for row in time["rounds"]],
                             [("cold", 0), ("warm", 1), ("warm", 2)])
            self.assertEqual(time["warm_summary"]["rounds"], 2)
            self.assertGreater(time["loop"]["median_ns_per_event"], 0)
            self.assertLess(time["loop"]["median_ns_per_event"], time["summary"]["median_ns_per_event"])
            self.assertIn(time["cpu"], os.sched_getaffinity(0))
            missing = [name for name, value in time["rounds"][0]["counters"].items() if value is None]
            self.assertEqual(bool(missing), time["counters_reason"] is not None)
        pymalloc, malloc = (cell["costs"] for cell in document["cells"])
        self.assertGreater(pymalloc["pool_inits"], 0)
        self.assertEqual(malloc["pool_inits"], {"value": None, "reason": "pymalloc is not in use"})
        self.assertEqual(malloc["arena_maps"], 0)

    def test_a_series_of_versions_names_every_interpreter_of_it(self):
        found = programs.targets(PYMEMLAB, "python")
        if not found:
            self.skipTest("no CPython here")
        series = found[0][1].rpartition(".")[0]
        document, _ = self.replay("-c", "malloc", "--target", "python:" + series)
        self.assertEqual([cell["target_version"] for cell in document["cells"]],
                         [version for _, version in found if version.rpartition(".")[0] == series])
        done = run("replay", self.trace, "--target", "libpython:", "-o", "-")
        self.assertIn("libpython:: this machine has ", done.stderr)

    def test_a_processor_that_is_not_there_is_refused(self):
        done = run("replay", self.trace, "--cpu", "4096", "-o", "-")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, "--cpu 4096: this process may run on 0.*; one of those, \"last\" or \"none\"")

    def test_list_names_every_axis(self):
        done = run("replay", "--list")
        self.assertEqual(done.returncode, 0, done.stderr)
        for text in ("--target\n  model\n", "--system-malloc\n  glibc ", "-c\n  pymalloc", "--profile\n  3.6"):
            self.assertIn(text, done.stdout)


if __name__ == "__main__":
    unittest.main()
