"""tools/plot.py as a process: what it writes, and one sentence and exit status 2 for bad input."""
import copy
import json
import os
import pathlib
import runpy
import sys
import tempfile
import traceback
import unittest
import xml.etree.ElementTree as xml
from subprocess import CompletedProcess

HERE = os.path.dirname(os.path.abspath(__file__))
PLOT = os.path.join(HERE, "..", "..", "tools", "plot.py")
sys.path[:0] = [os.path.join(HERE, "..", "results"), os.path.dirname(PLOT)]
import example  # noqa: E402
import matplotlib.pyplot  # noqa: E402,F401  which the script then finds imported
from programs import run  # noqa: E402

GOOD = example.document()


def run_forked(*arguments):
    """The script in a child of this process: importing matplotlib takes longer than most of what it is asked for."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = [PLOT, *arguments]
            os._exit(status_of_script())
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return CompletedProcess(sys.argv, os.waitstatus_to_exitcode(status), out.read(), err.read())


def status_of_script():
    try:
        runpy.run_path(PLOT, run_name="__main__")
        return 0
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


class Plot(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def plot(self, document, *arguments):
        path = os.path.join(self.folder, "results.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(document if isinstance(document, str) else json.dumps(document))
        return self.run_plot(path, *arguments)

    def run_plot(self, path, *arguments):
        return run_forked(path, "-o", os.path.join(self.folder, "plots"), *arguments)

    def assert_refused(self, done, words):
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn(words, done.stderr)

    def test_five_pictures_a_trace_which_name_every_configuration(self):
        done = self.plot(GOOD)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        paths = done.stdout.splitlines()
        self.assertEqual(
            [os.path.basename(path) for path in paths],
            [f"example-{name}.svg" for name in ("time", "pareto", "footprint", "waterfall", "classes")],
        )
        for path in paths:
            self.assertTrue(xml.parse(path).getroot().tag.endswith("svg"))
            with open(path, encoding="utf-8") as file:
                text = file.read()
            for configuration in example.CONFIGURATIONS:
                if "classes" not in path or configuration.startswith("pymalloc"):
                    self.assertIn(f"<!-- {configuration}", text, path)

    def test_the_same_document_gives_the_same_bytes(self):
        path = os.path.join(self.folder, "results.json")
        pathlib.Path(path).write_text(json.dumps(GOOD), encoding="utf-8")
        pictures = []
        for _ in range(2):  # in processes of their own, whose sets and hashes differ
            done = run(sys.executable, PLOT, path, "-o", self.folder)
            pictures.append([pathlib.Path(path).read_bytes() for path in done.stdout.splitlines()])
        self.assertEqual(len(pictures[0]), 5)
        self.assertEqual(*pictures)

    def test_traces_of_one_name_do_not_overwrite_each_other(self):
        document = copy.deepcopy(GOOD)
        document["traces"].append({**document["traces"][0], "id": "t1"})
        document["cells"] = [document["cells"][2], {**document["cells"][2], "trace": "t1"}]
        paths = self.plot(document).stdout.splitlines()
        self.assertEqual(len(set(paths)), 8)  # malloc has no size classes

    def test_a_cell_with_no_interval_no_warm_round_and_no_resident_count_is_drawn(self):
        document = copy.deepcopy(GOOD)
        document["cells"] = document["cells"][:1]
        cell = document["cells"][0]
        cell["time"]["summary"].update(interval_ns_per_event=None, interval_note="1 round")
        cell["memory"]["series"]["resident_bytes"] = [None] * example.SAMPLES
        self.assertEqual(self.plot(document).returncode, 0)

    def text_of_only_picture(self, document, name):
        done = self.plot(document)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual([os.path.basename(path) for path in done.stdout.splitlines()], [name])
        with open(done.stdout.strip(), encoding="utf-8") as file:
            return file.read()

    def test_latencies_are_drawn_by_operation_where_there_are_some(self):
        document = copy.deepcopy(GOOD)
        row = {"calls": 3, "buckets": [{"from_ns": 10, "to_ns": 20, "calls": 2}, {"from_ns": 80, "to_ns": 90, "calls": 1}]}
        document["cells"][0]["latency"] = {"kinds": [{"kind": "malloc", **row}, {"kind": "free", **row}]}
        paths = self.plot(document).stdout.splitlines()
        self.assertIn("example-latency.svg", [os.path.basename(path) for path in paths])

    def test_a_comparison_is_drawn_with_its_verdicts(self):
        cell = {"name": "malloc", "time": {"ratio": 2.5, "ratio_interval": [2.25, 2.75], "verdict": "slower"}}
        few = {"name": "malloc_debug", "time": {"ratio": 3.5, "verdict": "too_few_rounds"}}
        text = self.text_of_only_picture({
            "schema": "pymemlab.comparison", "schema_version": 1,
            "traces": [{"heading": "a b.pmtrace: 10 events", "cells": [{"name": "pymalloc", "time": None}, cell, few]}],
        }, "a_b-comparison.svg")
        self.assertIn("2.50: slower", text)
        self.assertIn("3.50: too few rounds", text)

    def test_a_summary_of_a_trace_is_drawn_as_lifetimes_by_size(self):
        text = self.text_of_only_picture({
            "path": "app.pmtrace",
            "summary": {"lifetimes_by_size": [{"up_to_bytes": 63, "up_to_allocations": 1, "count": 5},
                                              {"up_to_bytes": 2047, "up_to_allocations": 131071, "count": 2}]},
        }, "app-lifetimes.svg")
        for words in ("app.pmtrace: 7 blocks were freed", "128K", "2K"):
            self.assertIn(words, text)

    def test_png_and_pdf_are_written_on_request(self):
        for extension, magic in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
            for path in self.plot(GOOD, "--format", extension).stdout.splitlines():
                with open(path, "rb") as file:
                    self.assertEqual(file.read(4), magic)

    def test_a_missing_file_is_named(self):
        self.assert_refused(self.run_plot("/nowhere/results.json"), "/nowhere/results.json: No such file")

    def test_a_word_that_it_does_not_know_is_refused(self):
        self.assert_refused(self.run_plot("results.json", "--format", "gif"), "invalid choice: 'gif'")
        self.assert_refused(run_forked(), "required: results.json")

    def test_what_is_not_json_is_refused(self):
        self.assert_refused(self.plot("{'schema':"), "not JSON")

    def test_another_schema_is_refused(self):
        self.assert_refused(self.plot({"schema": "something.else"}), "not a result document")
        self.assert_refused(self.plot("[]"), "not a result document")

    def test_a_later_version_is_refused_by_number(self):
        self.assert_refused(self.plot({**GOOD, "schema_version": 2}), "schema_version is 2")

    def test_a_document_that_lacks_something_is_refused(self):
        document = copy.deepcopy(GOOD)
        del document["cells"][0]["memory"]["series"]
        self.assert_refused(self.plot(document), "'series'")

    def test_a_document_without_cells_is_refused(self):
        self.assert_refused(self.plot({**GOOD, "cells": []}), "no cells")


if __name__ == "__main__":
    unittest.main()
