#!/usr/bin/env python3
"""Draws documents of pymemlab: one file a trace and plot.

    tools/plot.py results.json -o DIR [--format svg|png|pdf]

Of results (`pymemlab replay -o`, results/README.md):
  NAME-time         time per event by configuration: raw samples, median, interval
  NAME-pareto       time against peak mapped bytes, those that none beats in both joined
  NAME-latency      how many calls took longer than so much, by operation (replay --latency)
  NAME-footprint    mapped, resident and live bytes over the allocation clock, the peak marked
  NAME-waterfall    what the mapped bytes are made of where they peak
  NAME-classes      pymalloc's size classes at that point: bytes and utilisation
Of a comparison (`pymemlab compare --format json`):
  NAME-comparison   each cell's time over its baseline's, with interval and verdict
Of a trace's summary (`pymemlab info --json`):
  NAME-lifetimes    how long blocks of each size live

Prints the paths of what it wrote. Exit 2, with one sentence on stderr, if it could not.
"""
import argparse
import json
import os
import re
import sys

from plots.base import STYLE, InputError
from plots.memory import draw_classes, draw_footprint, draw_waterfall
from plots.time import draw_comparison, draw_latency, draw_pareto, draw_time
from plots.trace import draw_lifetimes


def read_document(path):
    try:
        with sys.stdin if path == "-" else open(path, encoding="utf-8") as file:
            document = json.load(file)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    document = document if isinstance(document, dict) else {}
    summary, kind = document.get("summary"), document.get("schema")
    if isinstance(summary, dict) and "lifetimes_by_size" in summary:
        return document, pictures_of_summary
    if not isinstance(kind, str) or kind not in PICTURES:
        raise InputError(f"{path}: not a result document: wanted \"schema\": \"pymemlab.results\", a comparison or "
                         "what info --json writes")
    if document.get("schema_version") != 1:
        found = document.get("schema_version")
        raise InputError(f"{path}: schema_version is {found!r}, and this program draws version 1")
    return document, PICTURES[kind]


def stem_of(path):
    return re.sub(r"[^A-Za-z0-9._-]+", "_", re.sub(r"\.pmtrace$", "", os.path.basename(path)))


def traces_of(document):
    """(trace, file name stem, its cells), for each trace that has cells; stems are unique."""
    stems = [stem_of(trace["path"]) or trace["id"] for trace in document["traces"]]
    for trace, stem in zip(document["traces"], stems):
        cells = [cell for cell in document["cells"] if cell["trace"] == trace["id"]]
        if cells:
            yield trace, stem if stems.count(stem) == 1 else f"{stem}-{trace['id']}", cells


PLOTS = (("time", draw_time), ("pareto", draw_pareto), ("latency", draw_latency), ("footprint", draw_footprint),
         ("waterfall", draw_waterfall), ("classes", draw_classes))


# Each yields (file name, figure), the figure None where there is nothing to draw.
def pictures_of_results(plt, document):
    for trace, stem, cells in traces_of(document):
        for name, draw in PLOTS:
            yield f"{stem}-{name}", draw(plt, trace, cells)


def pictures_of_comparison(plt, document):
    for number, trace in enumerate(document["traces"]):
        stem = stem_of(trace["heading"].split(":")[0]) or "trace"
        yield f"{stem}-comparison" if number == 0 else f"{stem}-{number}-comparison", draw_comparison(plt, trace)


def pictures_of_summary(plt, document):
    yield f"{stem_of(document['path']) or 'trace'}-lifetimes", draw_lifetimes(plt, document)


PICTURES = {"pymemlab.results": pictures_of_results, "pymemlab.comparison": pictures_of_comparison}


def draw_all(plt, pictures, folder, extension):
    written = 0
    for name, figure in pictures:
        if figure is None:
            continue
        path = os.path.join(folder, f"{name}.{extension}")
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(extension)
        figure.savefig(path, metadata=metadata)
        plt.close(figure)
        print(path)
        written += 1
    if written == 0:
        raise InputError("nothing to draw: the document has no cells, or the trace no freed blocks")


def pyplot():
    try:
        import matplotlib
    except ImportError as error:
        raise InputError("matplotlib is not installed; run tools/setup, and this with /usr/bin/python3") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update(STYLE)
    return plt


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise InputError(f"{message}; `plot.py --help` says more")


def parse(arguments):
    parser = Parser(prog="plot.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", metavar="results.json", help="a document of pymemlab; - is standard input")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="folder for the pictures; made if absent")
    parser.add_argument("--format", choices=("svg", "png", "pdf"), default="svg")
    return parser.parse_args(arguments)


def main(arguments):
    try:
        options = parse(arguments)
        document, pictures_of = read_document(options.results)
        plt = pyplot()
        os.makedirs(options.output, exist_ok=True)
        try:
            draw_all(plt, pictures_of(plt, document), options.output, options.format)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise InputError(f"{options.results}: not shaped as results/schema.json says ({error!r})") from error
    except InputError as error:
        print(f"plot.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"plot.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
