"""traces/README.md tells the truth: every trace stands in it, with its command and its digest."""
import json
import os
import re
import subprocess
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FOLDER = os.path.join(ROOT, "traces")
ROW = re.compile(r"^\| `(\S+\.pmtrace)` \| `pymemlab record -o traces/(\S+) -- (.+)` \| `([0-9a-f]{16})` \|$", re.M)


def info(name):
    command = [os.environ["PYMEMLAB"], "info", "--format", "json", os.path.join(FOLDER, name)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


class Traces(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as file:
            self.rows = ROW.findall(file.read())

    def test_every_trace_has_a_row(self):
        traces = sorted(name for name in os.listdir(FOLDER) if name.endswith(".pmtrace"))
        self.assertGreaterEqual(len(traces), 3)
        self.assertEqual(traces, sorted(row[0] for row in self.rows))

    def test_rows_say_what_the_traces_say_of_themselves(self):
        for name, output, command, digest in self.rows:
            with self.subTest(trace=name):
                said = info(name)
                self.assertEqual(output, name)
                self.assertEqual(said["metadata"]["command"], command.split())
                self.assertEqual(said["summary"]["digest"], digest)
                self.assertIsNone(said["summary"]["damage"])

    def test_traces_are_large_enough_to_measure(self):
        for name, *_ in self.rows:
            with self.subTest(trace=name):
                summary = info(name)["summary"]
                self.assertGreater(summary["events"], 1_000_000)
                self.assertGreater(summary["peak_live_bytes"], 5 << 20)

    def test_metadata_holds_no_path_of_the_machine_that_recorded(self):
        for name, *_ in self.rows:
            with self.subTest(trace=name):
                texts = json.dumps(info(name)["metadata"])
                self.assertNotRegex(texts, r'"/|[ =:]/(root|home|usr|tmp|work|var|opt)\b')


if __name__ == "__main__":
    unittest.main()
