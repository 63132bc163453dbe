"""Programs that tests and bench scripts run: pymemlab, whatever it is compared with, and the CPythons it finds."""
import os
import re
import subprocess


def run(*command, timeout=600):
    """Its exit status, and what it printed as text."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                          timeout=timeout, check=False)


def peak_resident_bytes(command, variables=()):
    """The kernel's maximum for a run of the command, with these "NAME=value" in its environment."""
    environment = dict(os.environ, **dict(variable.split("=", 1) for variable in variables))
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_maxrss * 1024


def targets(pymemlab, kind):
    """(path, version) of every "libpython" or "python" that `pymemlab replay --list` names."""
    listed = run(pymemlab, "replay", "--list", "--allow-debug-build")
    assert listed.returncode == 0, listed.stderr
    return re.findall(rf"^  {kind}:(\S+) +CPython (\S+)$", listed.stdout, re.M)
