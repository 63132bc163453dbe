"""`pymemlab check` as a process: its texts, JSON and exit status, the shipped mistakes and recordings.

Runs the program named by the environment variable PYMEMLAB.
"""
import glob
import json
import os
import re
import subprocess
import tempfile
import unittest

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PYMEMLAB = os.environ["PYMEMLAB"]
MISTAKES = os.path.join(ROOT, "traces", "mistakes")
CONFIGURATIONS = ("malloc", "pymalloc", "malloc_debug", "pymalloc_debug")
WORDS = {"runs_on": "runs on", "corrupts": "damages the heap", "fatal_error": "fatal error", "crashes": "crashes",
         "undefined": "depends"}
CHAPTER = """\
{path}: 6 events, judged as CPython 3.13
event 5: free of a block of domain mem
    block: 8192 bytes, domain mem, from event 0
    malloc: runs on: raw, mem, obj and the C library are one malloc
    pymalloc: runs on: the block is in none of pymalloc's pools, which hold requests of 1 to 512 bytes, but was passed \
on to malloc; sys.getallocatedblocks() stays one too high
    malloc_debug, pymalloc_debug: crashes: libc gets a pointer that is 16 bytes behind what it gave, for the debug hooks' \
header lies before: glibc aborts with "free(): invalid pointer" or the like, or crashes
calls through a wrong domain: 1
never freed: nothing
wrong: 1 call
"""
LEAK = """\
{path}: 5 events, judged as CPython 3.13
never freed: 4296 bytes in 3 blocks: raw 4096 bytes in 1 block; mem 200 bytes in 2 blocks
             bytes     blocks     bytes each  domain  first event
              4096          1           4096  raw               0
               200          2            100  mem               1
wrong: 0 calls, 3 leaked blocks
"""


def check(*arguments, stdin=None):
    return subprocess.run([PYMEMLAB, "check", *arguments], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120)


def mistake(name):
    return os.path.join(MISTAKES, name + ".txt")


def as_json(*arguments):
    return json.loads(check("--format", "json", *arguments).stdout)


class Check(unittest.TestCase):
    def test_the_chapters_example_is_reported_in_words(self):
        result = check(mistake("chapter_8192"))
        self.assertEqual(result.stdout.decode(), CHAPTER.format(path=mistake("chapter_8192")))
        self.assertEqual((result.returncode, result.stderr), (1, b""))

    def test_leaks_are_listed_and_wrong_only_if_asked_for(self):
        self.assertEqual(check(mistake("leak")).returncode, 0)
        result = check("--leaks", mistake("leak"))
        self.assertEqual(result.stdout.decode(), LEAK.format(path=mistake("leak")))
        self.assertEqual(result.returncode, 1)

    def test_the_table_of_mistakes_tells_what_check_says(self):
        with open(os.path.join(MISTAKES, "README.md"), encoding="utf-8") as file:
            rows = {row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \| (.+) \| (.+) \|$", file.read(), re.M)}
        self.assertEqual(sorted(rows), sorted(name[:-4] for name in os.listdir(MISTAKES) if name.endswith(".txt")))
        for name, cells in rows.items():
            wrong = [finding for finding in as_json(mistake(name))["findings"] if finding["wrong"]]
            self.assertLessEqual(len(wrong), 1, name)
            expected = [WORDS[wrong[0]["outcomes"][c]["outcome"]] for c in CONFIGURATIONS] if wrong else ["runs on"] * 4
            self.assertEqual(list(cells), expected, name)
            self.assertEqual(check(mistake(name)).returncode, 1 if wrong else 0, name)

    def test_recordings_of_real_programs_are_not_accused(self):
        traces = glob.glob(os.path.join(ROOT, "traces", "*.pmtrace"))
        self.assertGreaterEqual(len(traces), 3)
        for trace in traces:
            result = check("--format", "json", trace)
            self.assertEqual((result.returncode, result.stderr), (0, b""), trace)
            report = json.loads(result.stdout)
            self.assertEqual(report["wrong"], 0, trace)
            self.assertEqual([report["counts"][kind]["found"] for kind in ("wrong_domain", "dead_block", "unknown_block")],
                             [0, 0, 0], trace)
            self.assertGreater(report["events"], 1000000)
            self.assertGreater(report["left"]["by_domain"]["obj"]["blocks"], 0)
            self.assertEqual(sum(domain["bytes"] for domain in report["left"]["by_domain"].values()), report["left"]["bytes"])

    def test_json_says_what_the_documentation_lists(self):
        report = as_json(mistake("free_inside"))
        self.assertEqual(report["schema"], "pymemlab.check")
        self.assertEqual(report["schema_version"], 1)
        self.assertEqual(set(report), {"schema", "schema_version", "path", "digest", "profile", "events", "wrong", "counts",
                                       "findings", "left", "damage"})
        finding = report["findings"][0]
        self.assertEqual(set(finding), {"kind", "wrong", "event", "call", "domain", "bytes", "site", "block", "address",
                                        "offset_bytes", "outcomes"})
        self.assertEqual((finding["address"], finding["offset_bytes"]), ("0x100040", 64))
        self.assertEqual(finding["block"], {"domain": "mem", "made_event": 0, "bytes": 256, "freed_event": None, "site": None})
        self.assertEqual(set(finding["outcomes"]), set(CONFIGURATIONS))
        for outcome in finding["outcomes"].values():
            self.assertEqual(set(outcome), {"outcome", "explanation", "fatal_error", "dump"})

    def test_the_profile_decides_the_hooks_words(self):
        def text(profile):
            return as_json("--profile", profile, mistake("mem_obj"))["findings"][0]["outcomes"]["pymalloc_debug"]
        self.assertEqual(text("3.8")["fatal_error"],
                         "Fatal Python error: bad ID: Allocated using API 'm', verified using API 'o'")
        self.assertEqual(text("3.9")["fatal_error"],
                         "Fatal Python error: _PyMem_DebugRawFree: bad ID: Allocated using API 'm', verified using API 'o'")
        self.assertIn("Data at p: cb cb cb", text("3.6")["dump"])
        self.assertIn("Data at p: cd cd cd", text("3.8")["dump"])
        self.assertRegex(text("3.7")["dump"], "block was made by call #[0-9]+ ")

    def test_what_convert_reads_is_checked_and_pipes_too(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("mem_obj.pmtrace", "unnamed"):
                path = os.path.join(folder, name)
                subprocess.run([PYMEMLAB, "convert", "--to", "pmtrace", mistake("mem_obj"), path], check=True)
                self.assertEqual(check(path).returncode, 1)
            with open(os.path.join(folder, "mem_obj.pmtrace"), "rb") as file:
                piped = check("-", stdin=file.read())
            self.assertEqual((piped.returncode, piped.stdout[:12]), (1, b"-: 2 events,"))
            rep = os.path.join(folder, "good.rep")
            with open(rep, "w", encoding="ascii") as file:
                file.write("0\n1\n2\n1\na 0 100\nf 0\n")
            self.assertEqual(check(rep).returncode, 0)
        with open(mistake("mem_obj"), "rb") as file:
            self.assertEqual(check("--from", "text", "-", stdin=file.read()).returncode, 1)

    def test_only_so_many_findings_are_shown_and_all_are_counted(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "many.txt")
            with open(path, "w", encoding="ascii") as file:
                file.write("pymemlab-trace-text 1\n" + "m mem 64\nf obj 0\n" * 100)
            report = as_json("--limit", "7", path)
            self.assertEqual((report["wrong"], len(report["findings"])), (100, 7))
            self.assertIn("7 of the mistakes shown", check("--limit", "7", path).stdout.decode())
            nothing_shown = check("--limit", "0", path)
            self.assertEqual(nothing_shown.returncode, 1)
            self.assertIn("wrong: 100 calls", nothing_shown.stdout.decode())

    def test_bad_input_is_refused_in_one_sentence(self):
        with tempfile.TemporaryDirectory() as folder:
            bad = os.path.join(folder, "bad.txt")
            with open(bad, "w", encoding="ascii") as file:
                file.write("pymemlab-trace-text 1\nf mem 3\n")
            for arguments, said in (([bad], "bad.txt:2"), ([os.path.join(folder, "none.pmtrace")], "none.pmtrace"),
                                    (["--profile", "2.7", mistake("leak")], "3.11"), (["--from", "morse", bad], "text"),
                                    (["--limit", "-1", bad], "--limit"), ([], "TRACE"), (["--format", "xml", bad], "json")):
                result = check(*arguments)
                self.assertEqual((result.returncode, result.stdout), (2, b""), arguments)
                self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)
                self.assertIn(said, result.stderr.decode(), arguments)

    def test_a_damaged_trace_is_checked_as_far_as_it_goes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "cut.pmtrace")
            with open(os.path.join(ROOT, "traces", "thread_pipeline.pmtrace"), "rb") as file:
                content = file.read()
            with open(path, "wb") as file:
                file.write(content[:len(content) * 2 // 3])
            result = check("--format", "json", path)
            self.assertEqual(result.returncode, 0)
            self.assertIn("warning", result.stderr.decode())
            self.assertIn("cut.pmtrace", json.loads(result.stdout)["damage"])


if __name__ == "__main__":
    unittest.main()
