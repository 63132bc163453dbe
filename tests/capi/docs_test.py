"""Every program in docs/c-api.md compiles without a warning and prints what the page says it does.

    docs_test.py PAGE INCLUDE-FOLDER LIBRARY C-COMPILER C++-COMPILER [FLAGS]
"""
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

PAGE, INCLUDE, LIBRARY, CC, CXX = sys.argv[1:6]
FLAGS = shlex.split(" ".join(sys.argv[6:]))
COMPILERS = {"c": [CC, "-std=c11"], "cpp": [CXX, "-std=c++20"]}


def programs():
    """(language, source, expected output) of every C and C++ block and the text block behind it."""
    with open(PAGE, encoding="utf-8") as file:
        blocks = re.findall(r"^```(\w+)\n(.*?)^```", file.read(), re.S | re.M)
    for (language, source), (following, output) in zip(blocks, blocks[1:]):
        if language in COMPILERS:
            assert following == "text", "a program without its output"
            yield language, source, output


def masked(text):
    return re.sub(r"0x[0-9a-f]{6,}", "ADDRESS", text)


class Docs(unittest.TestCase):
    def test_every_program_prints_what_the_page_says(self):
        found = list(programs())
        self.assertGreaterEqual(len(found), 4)
        folder = os.path.dirname(LIBRARY)
        environment = dict(os.environ, LD_LIBRARY_PATH=folder)
        environment.pop("PYTHONMALLOC", None)
        environment.pop("PYTHONMALLOCSTATS", None)
        with tempfile.TemporaryDirectory() as work:
            for number, (language, source, output) in enumerate(found):
                file = os.path.join(work, f"program{number}.{language}")
                program = os.path.join(work, f"program{number}")
                with open(file, "w", encoding="utf-8") as stream:
                    stream.write(source)
                subprocess.run(COMPILERS[language] + ["-Wall", "-Wextra", "-pedantic", "-Werror", file, "-I", INCLUDE,
                                                      LIBRARY, "-o", program] + FLAGS, check=True)
                done = subprocess.run([program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      universal_newlines=True)
                self.assertEqual(masked(done.stdout), masked(output), source)
                self.assertEqual(done.returncode, -6 if "Fatal" in output else 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
