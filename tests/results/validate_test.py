"""The validator accepts a good document and finds each kind of fault."""
import copy
import io
import json
import os
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout

import example
import validate

GOOD = example.document()


def run(document):
    """(exit status, what was printed) for the document, an object or a text."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        file.write(document if isinstance(document, str) else json.dumps(document))
    printed = io.StringIO()
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            return validate.main([file.name]), printed.getvalue()
    finally:
        os.unlink(file.name)


class Validate(unittest.TestCase):
    def assert_fault(self, change, words):
        document = copy.deepcopy(GOOD)
        change(document)
        status, printed = run(document)
        self.assertEqual(status, 1, printed)
        self.assertIn(words, printed)

    def test_a_good_document_passes(self):
        self.assertEqual(run(GOOD), (0, ""))

    def test_what_is_not_json_could_not_be_validated(self):
        self.assertEqual(run("{")[0], 2)

    def test_an_unknown_key_in_a_cell_is_a_fault(self):
        self.assert_fault(lambda d: d["cells"][0].update(extra=1), "'extra' was unexpected")

    def test_any_key_in_the_context_is_welcome(self):
        document = copy.deepcopy(GOOD)
        document["context"]["weather"] = "fine"
        self.assertEqual(run(document)[0], 0)

    def test_a_cell_without_a_footprint_passes(self):
        document = copy.deepcopy(GOOD)
        document["cells"][0].update(memory=None, memory_reason="the budget left no time for it")
        self.assertEqual(run(document)[0], 0)

    def test_a_missing_figure_is_a_fault(self):
        self.assert_fault(lambda d: d["cells"][1]["memory"]["fragmentation"].pop("jw4"), "'jw4' is a required")

    def test_a_null_without_a_reason_is_a_fault(self):
        self.assert_fault(
            lambda d: d["cells"][0]["memory"]["fragmentation"].update(jw1=None), "cells/0/memory/fragmentation/jw1"
        )

    def test_a_residual_is_a_fault(self):
        self.assert_fault(lambda d: d["cells"][0]["memory"]["end"].update(residual_bytes=8), "residual_bytes")

    def test_components_that_do_not_add_up_are_a_fault(self):
        self.assert_fault(lambda d: d["cells"][2]["memory"]["series"]["live_bytes"].__setitem__(7, 1), "sample 7:")

    def test_columns_of_different_length_are_a_fault(self):
        self.assert_fault(lambda d: d["cells"][0]["memory"]["series"]["arenas"].pop(), "differ in length")

    def test_a_cell_of_no_trace_is_a_fault(self):
        self.assert_fault(lambda d: d["cells"][3].update(trace="t9"), "'t9'")

    def test_a_series_above_the_peak_is_a_fault(self):
        def lower_the_peak(document):
            document["cells"][0]["memory"]["peak"] = document["cells"][0]["memory"]["end"]

        self.assert_fault(lower_the_peak, "cells/0/memory/peak")


if __name__ == "__main__":
    unittest.main()
