"""`pymemlab advise` as a process: on a trace, on a command, and its word kept by the real program.

Runs the program named by the environment variable PYMEMLAB.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

from programs import peak_resident_bytes

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PYMEMLAB = os.environ["PYMEMLAB"]
PINNED = os.environ.get("PYMEMLAB_PINNED_TRACE")
WORKLOADS = os.path.join(ROOT, "workloads", "python")
MALLOC = ["PYTHONMALLOC=malloc"]
# Programs, which allocators beside the C library's are tried with each, and the lines that one round advises.
PROGRAMS = (((os.path.join(WORKLOADS, "million_blocks.py"), "1"), "found", MALLOC),
            ((os.path.join(WORKLOADS, "request_server.py"), "1"), "none", []),
            (("-c", "blocks = [bytes(31) for _ in range(400000)]"), "none", []),
            # One of twenty small records outlives the load; larger ones follow.
            (("-c", "kept = [bytes(31) for _ in range(400000)][::20]\nlarger = [bytes(95) for _ in range(300000)]"), "none",
             MALLOC),
            # Every batch is longer than the one before it, and a few of each are kept.
            (("-c", "kept = []\nfor size in range(47, 480, 32):\n    batch = [bytes(size) for _ in range(20000)]\n"
                    "    kept += batch[::25]"), "none", MALLOC))
MIB = 1 << 20


def advise(*arguments):
    return subprocess.run([PYMEMLAB, "advise", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=280)


def python3():
    """A python3 that runs, or None: Debian's before any other."""
    for candidate in ("/usr/bin/python3", sys.executable):
        if candidate and os.path.exists(candidate):
            return candidate
    return None


class Advise(unittest.TestCase):
    def test_a_shipped_trace_is_advised_on_in_sentences(self):
        result = advise(os.path.join(ROOT, "traces", "request_server.pmtrace"), "--rounds", "6", "--others", "none")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        text = result.stdout.decode()
        for heading in ("What to set", "What it gains and costs", "Where the memory goes", "What no setting will fix"):
            self.assertIn("\n" + heading + "\n", text)

    def test_the_environment_lines_of_the_text_are_those_of_the_json(self):
        trace = os.path.join(ROOT, "traces", "text_statistics.pmtrace")
        advice = json.loads(advise(trace, "--rounds", "1", "--format", "json").stdout)
        self.assertEqual(advice["schema"], "pymemlab.advice")
        self.assertIsNone(advice["malloc"]["time_ratio"])
        self.assertEqual(advice["default"]["configuration"], "pymalloc")
        self.assertEqual(advice["environment"], [])  # one round tells nothing of time, and memory hardly differs

    def test_bad_calls_are_refused_in_one_sentence(self):
        for arguments, sentence in (
                ((), "wanted a trace, or a command to run"),
                (("a.pmtrace", "b.pmtrace"), "wanted one trace; a command goes after --"),
                (("a.pmtrace", "-o", "b.pmtrace"), "is one already"),
                (("/nowhere.pmtrace",), "/nowhere.pmtrace"),
                (("--", "/bin/true"), "no CPython was found in '/bin/true'")):
            with self.subTest(arguments=arguments):
                result = advise(*arguments)
                self.assertEqual((result.returncode, result.stdout), (2, b""))
                self.assertIn(sentence, result.stderr.decode())
                self.assertEqual(result.stderr.count(b"\n"), 1)

    @unittest.skipUnless(PINNED, "the environment names no writer of the trace")
    def test_two_hundred_blocks_that_pin_a_hundred_arenas_are_named_first_with_the_bytes_they_hold(self):
        with tempfile.TemporaryDirectory() as folder:
            trace = os.path.join(folder, "pinned.pmtrace")
            subprocess.run([PINNED, trace], check=True)
            advice = json.loads(advise(trace, "--rounds", "1", "--others", "none", "--format", "json").stdout)
            first = advice["pinning"]["groups"][0]
            self.assertEqual((first["block_bytes"], first["site"], first["blocks"]), (512, "app.py:12 in remember", 200))
            self.assertEqual((first["first_epoch"], first["last_epoch"]), (1, 10))
            self.assertEqual((first["arenas_alone"], first["returned_bytes"]), (100, 99 * MIB))
            text = " ".join(advise(trace, "--rounds", "1", "--others", "none").stdout.decode().split())
            self.assertIn("200 blocks of size class 512, asked for at app.py:12 in remember (events 16,320 to 213,728, "
                          "epochs 1 to 10 of 10), hold 100 arenas of their own: freeing them would return 99.0 MiB "
                          "(103,809,024 bytes).", text)

    @unittest.skipUnless(python3(), "no python3 here to run the programs with")
    def test_its_environment_lines_change_a_real_programs_peak_as_predicted(self):
        for arguments, others, lines in PROGRAMS:
            command = [python3(), *arguments]
            with self.subTest(program=arguments):
                result = advise("--rounds", "1", "--others", others, "--format", "json", "--", *command)
                self.assertEqual(result.returncode, 0, result.stderr.decode())
                advice = json.loads(result.stdout)
                self.assertEqual(advice["environment"], lines)
                self.keeps_its_word(advice, command, " ".join(map(os.path.basename, arguments)))

    def keeps_its_word(self, advice, command, title):
        """Every setting whose predicted difference is clear changes the real peak in that direction."""
        default = advice["default"]["peak_resident_bytes"]
        really = peak_resident_bytes(command)
        settings = [(["PYTHONMALLOC=malloc"], advice["malloc"])]
        settings += [(other["environment"], other) for other in advice["others"]]
        print(f"\n{title}: {advice['choice']} {' '.join(advice['environment'])}", file=sys.stderr)
        for lines, cell in settings:
            predicted = cell["peak_resident_bytes"] - default
            real = peak_resident_bytes(command, lines) - really
            clear = abs(predicted) >= max(3 * MIB, 0.05 * default)
            print(f"  {' '.join(os.path.basename(line) for line in lines):45} predicted {predicted / MIB:+6.1f} MiB, "
                  f"real {real / MIB:+6.1f} MiB{'' if clear else '  (no clear difference)'}", file=sys.stderr)
            if clear or lines == advice["environment"]:
                self.assertEqual(predicted > 0, real > 0, lines)


if __name__ == "__main__":
    unittest.main()
