"""Does in a real interpreter what the tests of core/pymem do in the model; Python 3.6 and later.

    interpreter_script.py bytes | serials | misuses | configuration | freed | tracemalloc | hazard
"""
import ctypes
import json
import os
import resource
import sys

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
SIZE, POINTER = ctypes.c_size_t, ctypes.c_void_p
FUNCTIONS = {
    "Malloc": (POINTER, [SIZE]),
    "Calloc": (POINTER, [SIZE, SIZE]),
    "Realloc": (POINTER, [POINTER, SIZE]),
    "Free": (None, [POINTER]),
}
PREFIX = {"raw": "PyMem_Raw", "mem": "PyMem_", "obj": "PyObject_"}
WITHOUT_GIL = ctypes.CDLL(None)  # ctypes lets go of the GIL around its functions


def call(domain, name, *arguments, api=ctypes.pythonapi):
    function = getattr(api, PREFIX[domain] + name)
    function.restype, function.argtypes = FUNCTIONS[name]
    return function(*arguments)


def filled(domain, size):
    """A block whose bytes are 00 01 02 ..."""
    block = call(domain, "Malloc", size)
    ctypes.memmove(block, bytes(i % 256 for i in range(size)), size)
    return block


def poke(address, byte):
    ctypes.memset(address, byte, 1)


# The mistakes of tests/pymem/misuses.cc, under the same names.
def overrun():
    block = call("mem", "Malloc", 16)
    poke(block + 16, 0x78)
    call("mem", "Free", block)


def long_overrun():
    block = filled("raw", 17)
    for i in range(8):
        poke(block + 17 + i, 0x41 + i)
    call("raw", "Free", block)


def underrun():
    block = filled("mem", 20)
    poke(block - 1, 0x7A)
    call("mem", "Free", block)


def underrun_met_by_realloc():
    block = filled("obj", 9)
    poke(block - 7, 0)
    call("obj", "Realloc", block, 30)


def underrun_and_overrun():
    block = filled("obj", 1)
    poke(block - 3, 0)
    poke(block + 1, 0)
    call("obj", "Free", block)


def mem_freed_by_raw():
    call("raw", "Free", call("mem", "Malloc", 16))


def raw_freed_by_obj():
    call("obj", "Free", call("raw", "Malloc", 0))


def obj_resized_by_mem():
    call("mem", "Realloc", filled("obj", 300), 5)


def freed_with_a_broken_tag():
    block = filled("mem", 8)
    poke(block - 8, 0x21)
    poke(block - 7, 0)
    call("mem", "Free", block)


def zeroed_block_overrun():
    block = call("obj", "Calloc", 3, 4)
    poke(block + 12, 0)
    call("obj", "Realloc", block, 0)


def traced_overrun():
    import tracemalloc

    tracemalloc.start(2)
    overrun()


def overrun_of_a_block_older_than_tracing():
    import tracemalloc

    block = call("mem", "Malloc", 16)
    tracemalloc.start(2)
    poke(block + 16, 0x78)
    call("mem", "Free", block)


def mem_malloc_without_gil():
    call("mem", "Malloc", 1, api=WITHOUT_GIL)


def obj_malloc_without_gil():
    call("obj", "Malloc", 1, api=WITHOUT_GIL)


def mem_calloc_without_gil():
    call("mem", "Calloc", 1, 1, api=WITHOUT_GIL)


def obj_realloc_without_gil():
    call("obj", "Realloc", None, 1, api=WITHOUT_GIL)


def mem_free_of_nothing_without_gil():
    call("mem", "Free", None, api=WITHOUT_GIL)


def raw_without_gil():
    call("raw", "Free", call("raw", "Malloc", 1, api=WITHOUT_GIL), api=WITHOUT_GIL)


MISUSES = (
    overrun,
    long_overrun,
    underrun,
    underrun_met_by_realloc,
    underrun_and_overrun,
    mem_freed_by_raw,
    raw_freed_by_obj,
    obj_resized_by_mem,
    freed_with_a_broken_tag,
    zeroed_block_overrun,
    traced_overrun,
    overrun_of_a_block_older_than_tracing,
    mem_malloc_without_gil,
    obj_malloc_without_gil,
    mem_calloc_without_gil,
    obj_realloc_without_gil,
    mem_free_of_nothing_without_gil,
    raw_without_gil,
)


def misuses():
    """Each mistake in a process of its own: name, standard error, exit status as a shell has it."""
    outcomes = []
    for misuse in MISUSES:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(write, 2)
            misuse()
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            text = pipe.read().decode("latin-1")
        _, status = os.waitpid(child, 0)
        code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        outcomes.append({"name": misuse.__name__, "err": text, "status": code})
    json.dump(outcomes, sys.stdout)


def show(block, before, size):
    print(ctypes.string_at(block - before, before + size + 8).hex())


def show_bytes():
    for domain in "raw", "mem", "obj":
        for size in 0, 5, 40, 488:
            show(call(domain, "Malloc", size), 16, size)
        show(call(domain, "Calloc", 3, 4), 16, 12)
        for old, new in (5, 9), (9, 5), (128, 130), (300, 400), (400, 300):
            block = call(domain, "Malloc", old)
            ctypes.memset(block, 0x77, old)
            show(call(domain, "Realloc", block, new), 16, new)
    show(call("obj", "Malloc", 600), 32, 600)


def number(at):
    return int.from_bytes(ctypes.string_at(at, 8), "big")


def serials():
    block = call("obj", "Malloc", 600)
    print(number(block + 600 + 8) - number(block + 600 + 24))


def hooked(domain):
    block = call(domain, "Malloc", 5)
    return ctypes.string_at(block - 8, 1) == domain[:1].encode() and number(block - 16) == 5


def configuration():
    """What stands in the domains, told from outside; a name of CPython's own goes before it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(write, 2)
        sys._debugmallocstats()
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    base = "pymalloc" if "= 512, in" in text else "mimalloc" if "= 16384, in" in text else "malloc"
    layers = {hooked(domain) for domain in PREFIX}
    seen = base + ("_debug" if layers == {True} else "" if layers == {False} else "_mixed")
    for module in "_testinternalcapi", "_testcapi":
        try:
            named = __import__(module).pymem_getallocatorsname()
        except (ImportError, AttributeError):
            continue
        if named != seen:
            seen = "CPython says {}, the blocks say {}".format(named, seen)
        break
    print(seen)


class Object(ctypes.Structure):
    _fields_ = [("references", SIZE), ("type", SIZE)]


def freed():
    is_freed = ctypes.pythonapi._PyObject_IsFreed
    is_freed.restype, is_freed.argtypes = ctypes.c_int, [POINTER]
    for byte in 0x00, 0xCB, 0xDB, 0xFB, 0xCD, 0xDD, 0xFD, 0xCE, 0xFF:
        thing = Object(1, int.from_bytes(bytes([byte]) * 8, "big"))
        print(is_freed(ctypes.addressof(thing)))


def tracking():
    import tracemalloc

    for frames in 0, 65536, 178956970:
        try:
            tracemalloc.start(frames)
            tracemalloc.stop()
            print("started")
        except ValueError as error:
            print(error)
    prefix = "_PyTraceMalloc_" if sys.version_info < (3, 7) else "PyTraceMalloc_"
    track, untrack = (getattr(ctypes.pythonapi, prefix + name) for name in ("Track", "Untrack"))
    track.argtypes = [ctypes.c_uint, SIZE, SIZE]
    untrack.argtypes = [ctypes.c_uint, SIZE]
    print(track(7, 4096, 10), untrack(7, 4096))
    tracemalloc.start()
    for domain, size in (7, 10**7), (7, 2 * 10**7), (8, 5 * 10**6):
        print(track(domain, 4096, size), round(tracemalloc.get_traced_memory()[0] / 10**6))
    print(untrack(7, 4096), untrack(7, 4096), untrack(99, 1), round(tracemalloc.get_traced_memory()[0] / 10**6))


class Record(ctypes.Structure):
    _fields_ = [("context", POINTER)] + [(name, POINTER) for name in ("malloc", "calloc", "realloc", "free")]


def hazard():
    """A foreign hook (raw's debug functions, which are others than mem's) over mem's debug hook, then hooks again."""
    raw, mem = Record(), Record()
    ctypes.pythonapi.PyMem_GetAllocator(0, ctypes.byref(raw))
    ctypes.pythonapi.PyMem_GetAllocator(1, ctypes.byref(mem))
    assert raw.malloc != mem.malloc
    foreign = Record(mem.context, raw.malloc, raw.calloc, raw.realloc, raw.free)
    ctypes.pythonapi.PyMem_SetAllocator(1, ctypes.byref(foreign))
    print("hooked once:", hooked("mem"), flush=True)
    ctypes.pythonapi.PyMem_SetupDebugHooks()
    call("mem", "Malloc", 1)
    print("survived")


COMMANDS = {
    "bytes": show_bytes,
    "serials": serials,
    "misuses": misuses,
    "configuration": configuration,
    "freed": freed,
    "tracemalloc": tracking,
    "hazard": hazard,
}
if __name__ == "__main__":
    COMMANDS[sys.argv[1]]()
