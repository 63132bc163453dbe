"""The programs in workloads/python print what they print on every CPython."""
import os
import subprocess
import sys
import unittest

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "workloads", "python")
EXPECTED = {
    "expression_compiler.py": "1500 functions, 48598 instructions, checksum 140945",
    "import_heavy.py": "117 modules imported",
    "json_documents.py": "2000 documents, weight 4572242",
    "memory_tides.py": "1048576 blocks, 441840 bytes sampled",
    "million_blocks.py": "2 waves, 826 survivors, checksum 753923456",
    "request_server.py": "2000 answers of 915050 characters, 1230 cache hits, 731 sessions, checksum 452943",
    "source_parsing.py": "24 Load",
    "symbolic_algebra.py": "360 322364 509093",
    "text_search.py": "[('error', 8053), ('info', 8052), ('warning', 8053)] 12083 1879243 "
                      "[('of', 24158), ('took', 24158)]",
    "text_statistics.py": "3849 words, 24338 pairs, 0.062899 mean similarity, longest list 2676, fingerprint 517058",
    "thread_pipeline.py": "20000 records in 5848 groups, amount 861567.0",
}


class PythonPrograms(unittest.TestCase):
    def test_every_program_prints_its_line(self):
        programs = sorted(name for name in os.listdir(FOLDER) if name.endswith(".py"))
        self.assertEqual(programs, sorted(EXPECTED))
        for name in programs:
            with self.subTest(program=name):
                command = [sys.executable, "-W", "error", os.path.join(FOLDER, name), "2"]
                printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
                self.assertEqual(printed, EXPECTED[name] + "\n")


if __name__ == "__main__":
    unittest.main()
