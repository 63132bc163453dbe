"""The standard library's sources are read, parsed, walked and compiled.

    python3 source_parsing.py [SIZE]           SIZE times 12 modules, default 1

What it does to memory: large trees of small nodes that live until their module is done, and the
compiler's own arenas and tables, straight from raw memory.
"""
import ast
import collections
import os
import sys

MODULES = """
argparse ast calendar codecs configparser copy csv datetime decimal difflib doctest ftplib gettext
gzip heapq inspect ipaddress locale mailbox mimetypes optparse pprint pdb pickle platform random
sched shelve shlex shutil smtplib socket statistics string tarfile tempfile textwrap threading
tokenize traceback turtle typing uuid weakref zipfile
""".split()


def main():
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    folder = os.path.dirname(os.__file__)
    kinds = collections.Counter()
    parsed = 0
    for number in range(12 * size):
        path = os.path.join(folder, MODULES[number % len(MODULES)] + ".py")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as source:
            text = source.read()
        tree = ast.parse(text)
        kinds.update(type(node).__name__ for node in ast.walk(tree))
        compile(tree, path, "exec")
        parsed += 1
    print(parsed, kinds.most_common(1)[0][0])


main()
