"""A program that mostly starts: it imports half the standard library.

    python3 import_heavy.py [SIZE]             SIZE rounds of importing, default 1

What it does to memory: code objects, names and docstrings that stay, beside the readers and
strings that made them and go at once.
"""
import importlib
import sys

MODULES = """
argparse ast base64 bdb bisect calendar cmd code codecs collections concurrent.futures configparser
contextlib copy csv ctypes datetime decimal difflib dis email.message
email.parser enum filecmp fileinput fnmatch fractions functools getopt gettext glob gzip hashlib
heapq hmac html html.parser http.client http.cookies http.server inspect io ipaddress itertools json
linecache locale logging logging.config logging.handlers lzma mailbox mimetypes multiprocessing
netrc numbers operator optparse os pathlib pdb pickle pickletools pkgutil platform plistlib pprint
profile pstats py_compile pyclbr queue quopri random re runpy sched secrets selectors shelve shlex
shutil signal socket socketserver statistics string stringprep struct subprocess
symtable tarfile tempfile textwrap threading timeit token tokenize trace traceback types typing
unittest unittest.mock urllib.parse urllib.request uuid wave weakref webbrowser xml.dom.minidom
xml.etree.ElementTree xml.sax xmlrpc.client xmlrpc.server zipapp zipfile
""".split()


def import_all():
    for name in MODULES:
        importlib.import_module(name)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    before = set(sys.modules)
    for number in range(rounds):
        import_all()
        if number + 1 < rounds:
            for name in set(sys.modules) - before:
                if name.partition(".")[0] in ("email", "xml", "unittest", "http", "json", "html"):
                    del sys.modules[name]
    print("{} modules imported".format(len(MODULES)))


main()
