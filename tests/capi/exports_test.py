"""Which names the C API's library exports, and that the program exports none of them.

    exports_test.py LIBRARY HEADER PROGRAM AGENT
"""
import re
import subprocess
import sys
import unittest

LIBRARY, HEADER, PROGRAM, AGENT = sys.argv[1:5]
PYTHONS_NAMES = re.compile(r"_?Py[A-Z]")


def exported(binary):
    lines = subprocess.run(["nm", "-D", "--defined-only", binary], check=True, stdout=subprocess.PIPE,
                           universal_newlines=True).stdout.splitlines()
    return {line.split()[-1].split("@")[0] for line in lines}


def declared():
    with open(HEADER, encoding="utf-8") as file:
        return set(re.findall(r"^PYMEMLAB_API [^;]*?(\w+)\s*\(", file.read(), re.M))


class Exports(unittest.TestCase):
    def test_the_library_exports_what_its_header_declares_and_nothing_else(self):
        self.assertGreater(len(declared()), 35)
        self.assertEqual(exported(LIBRARY), declared())

    def test_the_program_and_the_agent_export_no_name_of_pythons(self):
        for binary in (PROGRAM, AGENT):
            self.assertEqual([name for name in exported(binary) if PYTHONS_NAMES.match(name)], [])

    def test_the_program_does_not_load_the_library(self):
        needed = subprocess.run(["objdump", "-p", PROGRAM], check=True, stdout=subprocess.PIPE,
                                universal_newlines=True).stdout
        self.assertIn("NEEDED", needed)
        self.assertNotIn("pymemlab-pymem", needed)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
