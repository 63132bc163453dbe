"""The traces that come with pymemlab through the main job: four cells each, a valid document, residual 0,
little unexplained, the same memory figures again, and every placement where the recorded CPython had it."""
import glob
import json
import os
import sys
import tempfile
import unittest

from programs import run

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PYMEMLAB = os.environ["PYMEMLAB"]
TRACES = sorted(glob.glob(os.path.join(ROOT, "traces", "*.pmtrace")))
CONFIGURATIONS = ["pymalloc", "pymalloc_debug", "malloc", "malloc_debug"]


def replay(trace, folder):
    path = os.path.join(folder, "r.json")
    done = run(PYMEMLAB, "replay", trace, "--rounds", "1", "--samples", "500", "--allow-debug-build", "-o", path)
    assert done.returncode == 0, done.stderr
    with open(path, encoding="utf-8") as file:
        return path, json.load(file)


def without_the_kernels_count(cell):
    memory = json.loads(json.dumps(cell["memory"]))
    for sample in (memory["peak_live"], memory["peak"], memory["end"], memory["series"]):
        del sample["resident_bytes"]
    return memory


class ShippedTraces(unittest.TestCase):
    def test_there_are_three_or_more_and_each_is_small(self):
        self.assertGreaterEqual(len(TRACES), 3)
        for trace in TRACES:
            self.assertLess(os.path.getsize(trace), 3_000_000, trace)

    def test_each_gives_four_cells_that_add_up_and_repeat(self):
        for trace in TRACES:
            with self.subTest(trace=os.path.basename(trace)), tempfile.TemporaryDirectory() as folder:
                path, document = replay(trace, folder)
                self.assertEqual([cell["configuration"] for cell in document["cells"]], CONFIGURATIONS)
                valid = run(sys.executable, os.path.join(ROOT, "tests", "results", "validate.py"), path)
                self.assertEqual(valid.returncode, 0, valid.stdout + valid.stderr)
                for cell in document["cells"]:
                    self.assertFalse(cell["replayed"]["void"])
                    series = cell["memory"]["series"]
                    self.assertEqual(set(series["residual_bytes"]), {0})
                    for unexplained, mapped in zip(series["unexplained_bytes"], series["mapped_bytes"]):
                        if mapped >= 1 << 20:
                            self.assertLessEqual(abs(unexplained), mapped // 100)
                _, again = replay(trace, folder)
                self.assertEqual([without_the_kernels_count(cell) for cell in document["cells"]],
                                 [without_the_kernels_count(cell) for cell in again["cells"]])

    def test_every_placement_is_the_recorded_ones(self):
        done = run(PYMEMLAB, "verify", *TRACES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count(": equal: "), len(TRACES))

    def test_none_holds_a_path_of_the_machine_it_came_from(self):
        for trace in TRACES:
            command = json.loads(run(PYMEMLAB, "info", trace, "--format", "json").stdout)["metadata"]["command"]
            self.assertFalse([word for word in command if word.startswith("/")], command)


if __name__ == "__main__":
    unittest.main()
