"""Runs every command of the README's console blocks, in order, in a folder that has what a clone has.

What takes every CPython of the machine finds the system's only, unless PYMEMLAB_EVERY_INTERPRETER is in the environment.
"""
import os
import re
import subprocess
import tempfile
import unittest

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PYMEMLAB = os.environ["PYMEMLAB"]


def commands():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        blocks = re.findall(r"^```console\n(.*?)^```", file.read(), re.S | re.M)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def environment_in(folder):
    path = os.path.dirname(PYMEMLAB) + ":/usr/bin:/bin"
    if "PYMEMLAB_EVERY_INTERPRETER" not in os.environ and os.path.exists("/usr/bin/python3"):
        return dict(os.environ, PATH=path, PYENV_ROOT=os.path.join(folder, "no-pyenv"))
    return dict(os.environ, PATH=path + ":" + os.environ["PATH"])


class Readme(unittest.TestCase):
    def test_every_command_runs_as_printed(self):
        self.assertGreater(len(commands()), 10)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("workloads", "tools", "traces"):
                os.symlink(os.path.join(ROOT, name), os.path.join(folder, name))
            environment = environment_in(folder)
            for command in commands():
                done = subprocess.run(command, shell=True, cwd=folder, env=environment, timeout=300,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
                self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")

    def test_every_link_to_a_file_leads_somewhere(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            for target in re.findall(r"\]\(([^)#:]+)\)", file.read()):
                self.assertTrue(os.path.exists(os.path.join(ROOT, target)), target)


if __name__ == "__main__":
    unittest.main()
