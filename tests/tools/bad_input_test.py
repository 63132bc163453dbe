"""Every subcommand that reads a file, given every kind of bad file: one sentence that names the place,
nothing on stdout, exit 2; a trace cut off after a whole chunk is served with a warning, exit 0.

Runs the program named by the environment variable PYMEMLAB.
"""
import json
import os
import re
import sys
import tempfile
import unittest

import programs

PYMEMLAB = os.environ["PYMEMLAB"]
READERS = {
    "info": lambda path, folder: ["info", path],
    "convert": lambda path, folder: ["convert", path, os.path.join(folder, "out.txt")],
    "replay": lambda path, folder: ["replay", path, "--rounds", "1", "--samples", "10", "-c", "pymalloc",
                                    "--allow-debug-build", "-o", os.path.join(folder, "out.json")],
    "verify": lambda path, folder: ["verify", path],
    "check": lambda path, folder: ["check", path],
    "advise": lambda path, folder: ["advise", path, "--rounds", "1", "--others", "none", "--allow-debug-build"],
}


def run(*arguments):
    return programs.run(PYMEMLAB, *arguments, timeout=120)


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.good = os.path.join(cls.folder, "good.pmtrace")
        made = run("synth", "object-churn", "--events", "600000", "-o", cls.good)
        assert made.returncode == 0, made.stderr
        cls.bytes = cls.content(cls.good)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    @staticmethod
    def content(path):
        with open(path, "rb") as file:
            return file.read()

    def results(self):
        """A document with nothing in it."""
        return self.file("fine.json", json.dumps({"schema": "pymemlab.results", "schema_version": 1, "context": {},
                                                  "traces": [], "cells": []}).encode())

    def check_refused(self, path, *arguments):
        result = run(*arguments)
        self.assertEqual(result.returncode, 2, (arguments, result.stderr))
        self.assertEqual(result.stdout, "", arguments)
        self.assertEqual(result.stderr.count("\n"), 1, (arguments, result.stderr))
        self.assertTrue(result.stderr.startswith("pymemlab: "), result.stderr)
        self.assertIn(os.path.basename(path), result.stderr, arguments)

    def each_reader(self, path):
        for arguments in READERS.values():
            yield arguments(path, self.folder)

    def test_a_missing_file_a_folder_and_an_empty_file_are_refused(self):
        for path in (os.path.join(self.folder, "missing.pmtrace"), self.folder, self.file("empty.pmtrace", b"")):
            for arguments in self.each_reader(path):
                self.check_refused(path, *arguments)

    def test_foreign_files_are_refused(self):
        for name, content in (("picture.pmtrace", b"\x89PNG\r\n\x1a\n" + bytes(500)), ("text.pmtrace", b"hello\n" * 100),
                              ("zeroes.pmtrace", bytes(4096)), ("program.pmtrace", b"\x7fELF" + bytes(4096))):
            path = self.file(name, content)
            for arguments in self.each_reader(path):
                self.check_refused(path, *arguments)

    def test_a_future_major_version_is_refused_by_its_number(self):
        # The version follows the magic number; docs/trace-format.md.
        changed = bytearray(self.bytes)
        changed[8] += 41
        path = self.file("future.pmtrace", bytes(changed))
        for arguments in self.each_reader(path):
            self.check_refused(path, *arguments)
            self.assertIn("42", run(*arguments).stderr)

    def test_a_trace_cut_before_its_first_chunk_is_refused(self):
        for length in (1, 7, 8, 9, 40):
            path = self.file("short.pmtrace", self.bytes[:length])
            for arguments in self.each_reader(path):
                self.check_refused(path, *arguments)

    def test_a_trace_cut_after_a_whole_chunk_is_served_with_a_warning(self):
        for share in (0.6, 0.8, 0.97):
            path = self.file("cut.pmtrace", self.bytes[: int(len(self.bytes) * share)])
            for name, arguments in READERS.items():
                if name == "verify":
                    continue  # synthetic traces have no addresses to verify
                result = run(*arguments(path, self.folder))
                self.assertEqual(result.returncode, 0, (name, result.stderr))
                # An advice says it among its sentences.
                warned = result.stdout if name == "advise" else result.stderr.partition("warning: ")[2]
                self.assertIn("cut.pmtrace", warned, name)

    def test_a_flipped_bit_never_goes_unnoticed_nor_crashes(self):
        step = max(1, len(self.bytes) // 40)
        for offset in range(0, len(self.bytes), step):
            changed = bytearray(self.bytes)
            changed[offset] ^= 1 << (offset % 8)
            path = self.file("flipped.pmtrace", bytes(changed))
            result = run("info", path)
            self.assertIn(result.returncode, (0, 2), (offset, result.stderr))
            self.assertIn("flipped.pmtrace", result.stderr, offset)
            self.assertEqual(result.stderr.count("\n"), 1, (offset, result.stderr))

    def test_results_that_are_none_are_refused(self):
        for name, content in (("empty.json", b""), ("cut.json", b'{"schema": "pymemlab.res'), ("list.json", b"[]"),
                              ("other.json", b'{"a": 1}'),
                              ("future.json", json.dumps({"schema": "pymemlab.results", "schema_version": 99}).encode()),
                              ("hollow.json", json.dumps({"schema": "pymemlab.results", "schema_version": 1}).encode())):
            path = self.file(name, content)
            self.check_refused(path, "compare", path)
            self.check_refused(path, "report", path, "-o", os.path.join(self.folder, "r.html"))
            self.check_refused(path, "report", self.results(), "--advice", path, "-o", os.path.join(self.folder, "r.html"))

    def test_a_report_that_cannot_be_made_leaves_the_old_one_alone(self):
        old = self.file("old.html", b"precious")
        for path in (os.path.join(self.folder, "gone.json"), self.folder):
            self.check_refused(path, "report", path, "-o", old)
            self.check_refused(path, "compare", path)
        self.assertEqual(self.content(old), b"precious")
        page = os.path.join(self.folder, "no-such-folder", "r.html")
        self.check_refused(page, "report", self.results(), "-o", page)
        self.check_refused(self.folder, "report", self.results(), "-o", self.folder)
        if os.path.exists("/dev/full"):
            self.check_refused("/dev/full", "report", self.results(), "-o", "/dev/full")

    def test_an_output_that_is_an_input_or_another_output_is_refused(self):
        results, trace = self.results(), self.good
        once = ["--rounds", "1", "--samples", "10", "-c", "pymalloc", "--allow-debug-build"]
        before = self.content(results)
        self.check_refused(results, "report", results, "-o", results)
        self.check_refused(results, "compare", results, "--export", "csv=" + results)
        self.check_refused(trace, "replay", trace, *once, "-o", trace)
        self.check_refused(trace, "convert", trace, trace)
        self.check_refused("standard output", "replay", trace, *once, "-o", "-", "--export", "csv")
        both = os.path.join(self.folder, "both.json")
        self.check_refused(both, "replay", trace, *once, "-o", both, "--export", "csv=" + both)
        self.assertFalse(os.path.exists(both))
        self.assertEqual(self.content(results), before)

    def test_settings_and_limits_that_mean_nothing_are_refused(self):
        results = self.results()
        self.check_refused("tcache_count=abc", "replay", self.good, "--system-malloc", "glibc:tcache_count=abc")
        for rule in ("", "peak>nan%", "peak>inf%"):
            self.check_refused("--fail-if " + rule, "compare", results, results, "--fail-if", rule)
        self.check_refused("--top", "info", "--top=0", self.good)

    def test_a_flags_value_that_stands_alone_is_told_where_it_belongs(self):
        for arguments in (["info", "--top", "4", self.good], ["replay", self.good, "--arena-map", "5"],
                          ["record", "--sites", "3", "--", "python3", "app.py"]):
            flag = next(word for word in arguments if word.startswith("--"))
            number = arguments[arguments.index(flag) + 1]
            self.check_refused(f"{flag} {number}: the number goes into the same word: {flag}={number}", *arguments)

    def test_what_is_empty_is_refused(self):
        replay = ["replay", self.good, "--allow-debug-build"]
        for words, arguments in (("--budget ''", [*replay, "--budget", ""]), ("replay ''", ["replay", ""]),
                                 ("--profile ''", ["check", "--profile", "", self.good]),
                                 ("info --top=", ["info", "--top=", self.good]),
                                 ("-o ''", ["record", "-o", "", "--", "python3", "-c", ""]),
                                 ("--advice ''", ["report", self.results(), "--advice", ""]),
                                 ("jemalloc: ", [*replay, "--system-malloc", "jemalloc:"]),
                                 ("libpython:: this machine has", [*replay, "--target", "libpython:"])):
            self.check_refused(words, *arguments)

    def test_a_number_out_of_range_is_told_the_range(self):
        for words, arguments in (("--seed: -1: 0 or more", ["synth", "phases", "--seed", "-1"]),
                                 ("--limit: x: 0 or more", ["check", "--limit", "x", self.good]),
                                 ("--rounds: 0: 1 to 10000", ["advise", "--rounds", "0", self.good]),
                                 ("--max-size: 10: 1MiB to 1PiB", ["record", "--max-size", "10", "--", "python3"]),
                                 ("--for: soon: 0 to 10^9", ["record", "--for", "soon", "--", "python3"]),
                                 ("--events: 1e6: 0 to 10^12", ["synth", "phases", "--events", "1e6"])):
            self.check_refused(words, *arguments)

    def test_a_command_without_its_separator_is_told_of_it(self):
        self.check_refused("a command goes after --", "record", "python3", "app.py", "--flag")

    def test_a_flag_that_would_do_nothing_is_refused(self):
        text = os.path.join(self.folder, "best.txt")
        self.check_refused("best.txt would be text", "convert", "--best", self.good, text)

    def test_a_rule_about_runs_that_have_no_cell_in_common_is_refused(self):
        results = []
        for configuration in ("pymalloc", "malloc"):  # a list of names ends before the trace
            results.append(os.path.join(self.folder, configuration + ".json"))
            made = run("replay", "--rounds", "1", "--samples", "10", "--allow-debug-build", "-o", results[-1],
                       "-c", configuration, self.good)
            self.assertEqual(made.returncode, 0, made.stderr)
        self.check_refused("have no cell in common", "compare", *results, "--fail-if", "peak>+1%")

    def test_settings_that_an_allocator_does_not_take_are_refused(self):
        listed = run("replay", "--list", "--allow-debug-build").stdout
        for setting, words in (("jemalloc:dirty_dcay_ms=0", "Invalid conf pair: dirty_dcay_ms:0"),
                               ("jemalloc:dirty_decay_ms=soon", "Invalid conf value: dirty_decay_ms:soon"),
                               ("jemalloc:abort_conf=true:no=1", "killed by signal 6 (Aborted) when it started; it said"),
                               ("mimalloc:no_such=1", 'no option "no_such"'),
                               ("mimalloc:page_reset=maybe", "has an invalid value"),
                               ("tcmalloc:no_such=1", "reads no variable TCMALLOC_NO_SUCH"),
                               ("scudo:no_such=1", "unrecognized flag(s): no_such=1"),
                               ("scudo:delete_size_mismatch=maybe", "invalid value for bool option: 'maybe'")):
            if re.search(rf"^  {setting.split(':')[0]} +(?!not here)", listed, re.M):
                with self.subTest(setting=setting):
                    self.check_refused(words, "replay", self.good, "--allow-debug-build", "--system-malloc", setting)
        self.check_refused("name it instead of all", "replay", self.good, "--allow-debug-build", "--system-malloc", "all:x=1")

    def test_a_malloc_that_is_no_library_is_refused(self):
        path = self.file("no-library.so", b"hello")
        self.check_refused(path, "replay", self.good, "--allow-debug-build", "--system-malloc", path)

    def test_unknown_names_are_refused_with_those_there_are(self):
        for arguments, known in ((["replay", self.good, "-c", "jemallocish"], "pymalloc_debug"),
                                 (["replay", self.good, "--profile", "2.7"], "3.11"),
                                 (["replay", self.good, "--arena-residue", "sideways"], "random:SEED"),
                                 (["synth", "nonsense"], "object-churn"), (["bogus"], "record"),
                                 (["info"], "TRACE"), (["replay", self.good, "--rounds", "0"], "rounds")):
            result = run(*arguments)
            self.assertEqual(result.returncode, 2, (arguments, result.stderr))
            self.assertEqual(result.stdout, "")
            self.assertIn(known, result.stderr, arguments)

    def test_output_that_cannot_be_written_is_refused(self):
        path = os.path.join(self.folder, "no-such-folder", "r.txt")
        for arguments in (["replay", self.good, "--rounds", "1", "--allow-debug-build", "-o", path],
                          ["convert", self.good, path], ["synth", "phases", "-o", path]):
            self.check_refused(path, *arguments)

    def test_a_replay_that_fails_leaves_the_old_results_alone(self):
        path = self.file("old.json", b"precious")
        missing = os.path.join(self.folder, "gone.pmtrace")
        self.check_refused(missing, "replay", missing, "--allow-debug-build", "-o", path)
        self.assertEqual(self.content(path), b"precious")
        self.assertEqual([name for name in os.listdir(self.folder) if name.endswith(".part")], [])

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full here")
    def test_a_full_disk_is_a_sentence(self):
        for arguments in (["replay", self.good, "--rounds", "1", "--allow-debug-build", "-o", "/dev/full"],
                          ["convert", self.good, "/dev/full", "--to", "text"], ["synth", "phases", "-o", "/dev/full"]):
            self.check_refused("/dev/full", *arguments)


if __name__ == "__main__":
    unittest.main(verbosity=1)
