"""Makes each list of calls on standard input in a child of this interpreter; prints how each ended.

    python3 perform_calls.py LIBRARY < {"NAME": [[kind, domain, slot, offset, count, size], ...], ...}
    > {"NAME": {"signal": the one it died of or 0, "status": ..., "stderr": "..."}, ...}

Runs under every CPython from 3.6 on.
"""
import ctypes
import json
import os
import resource
import signal
import sys
import tempfile


class Call(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_longlong), ("domain", ctypes.c_longlong), ("slot", ctypes.c_longlong),
                ("offset", ctypes.c_longlong), ("count", ctypes.c_ulonglong), ("size", ctypes.c_ulonglong)]


def ending_of(library, calls):
    array = (Call * len(calls))(*[Call(*call) for call in calls])
    with tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            os.dup2(errors.fileno(), 2)
            library.perform(array, ctypes.c_size_t(len(calls)))
        status = os.waitpid(child, 0)[1]
        errors.seek(0)
        text = errors.read().decode("latin-1")
    return {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0, "stderr": text}


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    library = ctypes.PyDLL(sys.argv[1])
    json.dump({name: ending_of(library, calls) for name, calls in json.load(sys.stdin).items()}, sys.stdout)


if __name__ == "__main__":
    main()
