"""Regular expressions over a long log: lines are split, matched, counted and rewritten.

    python3 text_search.py [SIZE]              a log of SIZE megabytes, default 1

What it does to memory: one string of many megabytes, its copies, and short-lived matches and slices
of it.
"""
import collections
import re
import sys

LINE = re.compile(r"^(\S+) \[(\d+)\] (\w+): (.*)$", re.MULTILINE)
NUMBER = re.compile(r"\b\d{3,}\b")
ADDRESS = re.compile(r"\b(\w+)@(\w+)\.example\b")


def log(megabytes):
    lines = []
    length = 0
    number = 0
    while length < megabytes * 1000000:
        number += 1
        line = "host{}.example [{}] {}: user{}@mail{}.example took {} ms for {}".format(
            number % 97, number, ("info", "warning", "error")[number % 3], number % 1009, number % 13,
            number * 7919 % 100003, "/path/" * (number % 5))
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines)


def main():
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    text = log(size)
    levels = collections.Counter(match.group(3) for match in LINE.finditer(text))
    slow = sum(1 for number in NUMBER.findall(text) if int(number) > 50000)
    hidden = ADDRESS.sub(r"\2 of \1", text)
    words = collections.Counter(hidden.split())
    print(sorted(levels.items()), slow, len(hidden), words.most_common(2))


main()
