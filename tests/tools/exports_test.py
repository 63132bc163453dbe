"""Exports of results: what each holds, and that the tools whose formats they are take them.

Google Benchmark's compare.py runs on them for real, and so does pyperf where an interpreter has it.
"""
import csv
import json
import os
import statistics
import sys
import tempfile
import unittest

from programs import run, targets

PYMEMLAB = os.environ["PYMEMLAB"]
COMPARE = "/usr/share/benchmark/compare.py"  # of Debian's libbenchmark-tools


def python_with(module):
    """An interpreter of this machine that can import `module`, or None."""
    for python in (sys.executable, *(path for path, _ in targets(PYMEMLAB, "python"))):
        if run(python, "-c", "import " + module).returncode == 0:
            return python
    return None


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.trace = cls.path("small.pmtrace")
        made = run(PYMEMLAB, "synth", "object-churn", "--events", "20000", "-o", cls.trace)
        assert made.returncode == 0, made.stderr
        for name in "earlier", "later":
            done = run(PYMEMLAB, "replay", cls.trace, "-c", "pymalloc,malloc", "--rounds", "4", "--samples", "10",
                       "-o", cls.path(name + ".json"), "--export", "pyperf=" + cls.path(name + ".pyperf.json"),
                       "--export", "google-benchmark=" + cls.path(name + ".gb.json"))
            assert done.returncode == 0, done.stderr
        with open(cls.path("earlier.json"), encoding="utf-8") as file:
            cls.results = json.load(file)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def export(self, name):
        done = run(PYMEMLAB, "compare", self.path("earlier.json"), "--export", name)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def nanoseconds(self, number):
        return [r["ns_per_event"] for r in self.results["cells"][number]["time"]["rounds"] if r["kind"] == "cold"]

    def test_replay_writes_what_compare_writes(self):
        self.assertEqual(self.read("earlier.pyperf.json"), self.export("pyperf"))
        self.assertEqual(self.read("earlier.gb.json"), self.export("google-benchmark"))

    def test_pyperf_has_a_benchmark_for_time_and_one_for_memory(self):
        suite = json.loads(self.export("pyperf"))
        self.assertEqual(suite["version"], "1.0")
        self.assertEqual([(b["metadata"]["name"], b["metadata"]["unit"]) for b in suite["benchmarks"]],
                         [("small/pymalloc", "second"), ("small/pymalloc peak mapped", "byte"),
                          ("small/malloc", "second"), ("small/malloc peak mapped", "byte")])
        for number, benchmark in enumerate(suite["benchmarks"][::2]):
            values = [run["values"] for run in benchmark["runs"]]
            self.assertEqual(values, [[ns * 1e-9] for ns in self.nanoseconds(number)])
        for value in suite["metadata"].values():  # its documentation: numbers, or text that is not empty
            self.assertIsInstance(value, (str, int, float))
            self.assertNotEqual(value, "")

    def test_pyperf_compares_two(self):
        python = python_with("pyperf")
        if python is None:
            self.skipTest("no interpreter here has pyperf")
        done = run(python, "-m", "pyperf", "compare_to", self.path("earlier.pyperf.json"),
                   self.path("later.pyperf.json"), "-v")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("small/pymalloc", done.stdout)

    def test_google_benchmarks_compare_takes_two(self):
        python = python_with("scipy")
        if python is None or not os.path.exists(COMPARE):
            self.skipTest("Google Benchmark's compare.py (libbenchmark-tools, python3-scipy) is not installed")
        done = run(python, COMPARE, "--no-color", "benchmarks", self.path("earlier.gb.json"),
                   self.path("later.gb.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line.split() for line in done.stdout.splitlines() if line.startswith("small/")]
        self.assertEqual(len([row for row in rows if row[0] in ("small/pymalloc", "small/malloc")]), 8, done.stdout)
        self.assertIn("small/pymalloc_pvalue", done.stdout)

    def test_google_benchmark_has_an_iteration_a_round(self):
        rows = json.loads(self.export("google-benchmark"))["benchmarks"]
        self.assertEqual([row["real_time"] for row in rows], self.nanoseconds(0) + self.nanoseconds(1))
        self.assertEqual({(row["run_type"], row["time_unit"], row["repetitions"]) for row in rows},
                         {("iteration", "ns", 4)})

    def test_hyperfine_has_a_command_a_cell(self):
        commands = json.loads(self.export("hyperfine"))["results"]
        self.assertEqual([c["command"] for c in commands], ["small/pymalloc", "small/malloc"])
        for number, command in enumerate(commands):
            times = [r["ns"] * 1e-9 for r in self.results["cells"][number]["time"]["rounds"] if r["kind"] == "cold"]
            self.assertEqual(command["times"], times)
            self.assertAlmostEqual(command["mean"], statistics.mean(times), 12)
            self.assertAlmostEqual(command["stddev"], statistics.stdev(times), 12)
            self.assertEqual((command["min"], command["max"]), (min(times), max(times)))

    def test_csv_has_one_figure_a_line(self):
        rows = list(csv.DictReader(self.export("csv").splitlines()))
        cold = [float(r["value"]) for r in rows if r["figure"] == "cold.ns_per_event"
                and r["configuration"] == "malloc"]
        self.assertEqual(cold, self.nanoseconds(1))
        peaks = [int(r["value"]) for r in rows if r["figure"] == "peak.mapped_bytes"]
        self.assertEqual(peaks, [c["memory"]["peak"]["mapped_bytes"] for c in self.results["cells"]])

    def test_perfetto_has_a_counter_for_each_sample(self):
        events = json.loads(self.export("perfetto"))["traceEvents"]
        names = [e["args"]["name"] for e in events if e["ph"] == "M"]
        self.assertEqual(names, ["small/pymalloc", "small/malloc"])
        series = self.results["cells"][0]["memory"]["series"]
        mapped = [e for e in events if e["ph"] == "C" and e["pid"] == 1 and e["name"] == "mapped"]
        self.assertEqual([e["args"]["bytes"] for e in mapped], series["mapped_bytes"])
        self.assertEqual([e["ts"] * 1024 for e in mapped], series["allocated_bytes"])

    def test_what_cannot_be_is_one_sentence(self):
        for words, sentence in (
                (["--export", "excel"], "pymemlab: --export excel: FORMAT or FORMAT=FILE was wanted, with one of "
                                        "pyperf, google-benchmark, hyperfine, csv, perfetto\n"),
                (["--export", "csv=/nowhere/a.csv"], "pymemlab: /nowhere/a.csv.part: "),
                ([self.path("later.json"), "--export", "csv"],
                 "pymemlab: --export takes one results document: 2 were given\n")):
            done = run(PYMEMLAB, "compare", self.path("earlier.json"), *words)
            self.assertEqual(done.returncode, 2)
            self.assertEqual(done.stderr[:len(sentence)], sentence)
            self.assertEqual(done.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
