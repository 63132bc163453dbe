#!/usr/bin/env python3
"""Draws a result document (results/README.md): one file a trace and plot.

    tools/plot.py results.json -o DIR [--format svg|png|pdf]

  NAME-time         time per event by configuration: raw samples, median, interval
  NAME-footprint    mapped, resident and live bytes over the allocation clock, the peak marked
  NAME-waterfall    what the mapped bytes are made of where they peak
  NAME-classes      pymalloc's size classes at that point: bytes and utilisation

Prints the paths of what it wrote. Exit 2, with one sentence on stderr, if it could not.
"""
import argparse
import json
import os
import re
import sys

MIB = 1 << 20
KIB = 1 << 10

# Okabe and Ito's palette: distinct for every common kind of colour vision.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE, GREY = "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#BBBBBB"

# Rows of the waterfall, from the bottom: column, legend, colour, hatch (so that grey prints differ too).
COMPONENTS = (
    ("live_bytes", "live (requested)", BLUE, ""),
    ("hook_bytes", "debug hooks", ORANGE, "///"),
    ("rounding_bytes", "rounding up", SKY, "..."),
    ("metadata_bytes", "metadata", PURPLE, "xx"),
    ("free_block_bytes", "free blocks", GREEN, "\\\\\\"),
    ("free_pool_bytes", "free pools", YELLOW, "++"),
    ("structural_bytes", "pool tails, alignment", GREY, "---"),
    ("raw_free_bytes", "free in the system malloc", VERMILLION, "oo"),
    ("unexplained_bytes", "unexplained", BLACK, ""),
)
DIMENSIONS = ("configuration", "target", "profile", "build", "system_malloc", "arena_residue", "touch")

STYLE = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.dpi": 150,
    "savefig.bbox": "tight",
    "svg.hashsalt": "pymemlab",
}


class InputError(Exception):
    """One sentence: the place, what was found, what was wanted."""


def read_document(path):
    try:
        with sys.stdin if path == "-" else open(path, encoding="utf-8") as file:
            document = json.load(file)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != "pymemlab.results":
        raise InputError(f"{path}: not a result document: wanted \"schema\": \"pymemlab.results\"")
    if document.get("schema_version") != 1:
        found = document.get("schema_version")
        raise InputError(f"{path}: schema_version is {found!r}, and this program draws version 1")
    return document


def traces_of(document):
    """(trace, file name stem, its cells), for each trace that has cells; stems are unique."""
    stems = [re.sub(r"\.pmtrace$", "", os.path.basename(trace["path"])) or trace["id"] for trace in document["traces"]]
    for trace, stem in zip(document["traces"], stems):
        cells = [cell for cell in document["cells"] if cell["trace"] == trace["id"]]
        if cells:
            safe = re.sub(r"[^A-Za-z0-9._-]+", "_", stem)
            yield trace, safe if stems.count(stem) == 1 else f"{safe}-{trace['id']}", cells


def labels_of(cells):
    """The configuration, and of the other dimensions whatever the cells differ in."""
    shown = [name for name in DIMENSIONS if name == "configuration" or len({cell[name] for cell in cells}) > 1]
    return [
        ", ".join(str(cell[name]) for name in shown) + (" (void)" if cell["replayed"]["void"] else "")
        for cell in cells
    ]


def heading(what, trace, cells):
    profiles = sorted({cell["profile"] for cell in cells})
    events = trace["summary"]["events"]
    name = os.path.basename(trace["path"]) or trace["id"]
    return f"{what}\n{name}: {events:,} events, CPython {', '.join(profiles)}"


def draw_time(plt, trace, cells):
    labels = labels_of(cells)
    figure, axes = plt.subplots(figsize=(7.5, 1.7 + 0.55 * len(cells)), layout="constrained")
    for row, cell in enumerate(cells):
        for kind, fill, side in (("cold", GREY, 0.2), ("warm", "white", 0.4)):
            values = [r["ns_per_event"] for r in cell["time"]["rounds"] if r["kind"] == kind]
            spread = [row + side + 0.05 * (i % 3 - 1) for i in range(len(values))]
            axes.plot(values, spread, "o", markersize=4, markerfacecolor=fill, markeredgecolor="#666666",
                      markeredgewidth=0.6, label=f"one {kind} round" if values else "_")
        summary = cell["time"]["summary"]
        median, interval = summary["median_ns_per_event"], summary["interval_ns_per_event"]
        if median is None:
            continue
        if interval:
            coverage = summary["interval_coverage"]
            name = "interval for the median" + (f" ({100 * coverage:.1f} % coverage)" if coverage else "")
            axes.plot(interval, [row, row], "-|", color=BLUE, linewidth=2.5, markersize=11, markeredgewidth=2,
                      label=name)
        axes.plot([median], [row], "D", color=VERMILLION, markersize=7, markeredgecolor="black", label="median")
        axes.annotate(f"{median:.1f} ns", (median, row), xytext=(0, 8), textcoords="offset points",
                      ha="center", va="bottom", fontsize=9)
    axes.set_yticks(range(len(cells)), labels)
    axes.set_ylim(len(cells) - 0.45, -0.55)
    axes.set_xlim(left=0, right=1.08 * axes.get_xlim()[1])
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("time per event (ns)")
    axes.set_title(heading("Time per event by configuration", trace, cells))
    legend_below(figure, [axes], columns=3)
    return figure


def legend_below(figure, all_axes, columns):
    """Under the figure, where no data is; each label once. savefig's tight box makes room."""
    entries = {}
    for axes in all_axes:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            entries.setdefault(label, handle)
    figure.legend(entries.values(), entries.keys(), loc="upper center", bbox_to_anchor=(0.5, 0), ncols=columns)


def draw_footprint(plt, trace, cells):
    """None if no cell has a footprint."""
    cells = [cell for cell in cells if cell["memory"]]
    if not cells:
        return None
    labels = labels_of(cells)
    columns = min(2, len(cells))
    rows = -(-len(cells) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(4.6 * columns + 0.4, 2.6 * rows + 1), sharex=True,
                                sharey=True, squeeze=False, layout="constrained")
    panels = list(grid.flat)
    for axes, cell, label in zip(panels, cells, labels):
        series, peak = cell["memory"]["series"], cell["memory"]["peak"]
        clock = [value / MIB for value in series["allocated_bytes"]]
        axes.fill_between(clock, [value / MIB for value in series["live_bytes"]], color=SKY, alpha=0.45, linewidth=0,
                          label="live (requested)")
        axes.plot(clock, [value / MIB for value in series["mapped_bytes"]], "-", color=BLACK, linewidth=1.4,
                  label="mapped")
        resident = [(x, y / MIB) for x, y in zip(clock, series["resident_bytes"]) if y is not None]
        if resident:
            axes.plot(*zip(*resident), "--", color=VERMILLION, linewidth=1.4, label="resident")
        highest = peak["mapped_bytes"] / MIB
        axes.plot([peak["allocated_bytes"] / MIB], [highest], "v", color=YELLOW, markeredgecolor="black",
                  markersize=9, label="peak mapped")
        axes.set_title(f"{label}: peak {highest:.1f} MiB, live there {peak['live_bytes'] / MIB:.1f} MiB")
    for axes in panels[len(cells):]:
        axes.set_visible(False)
    tallest = max(cell["memory"]["peak"]["mapped_bytes"] for cell in cells) / MIB
    panels[0].set_ylim(0, 1.1 * tallest or 1)
    panels[0].set_xlim(left=0)
    figure.supxlabel("allocated so far (MiB requested)", fontsize=10)
    figure.supylabel("memory (MiB)", fontsize=10)
    figure.suptitle(heading("Footprint over the allocation clock", trace, cells), x=0.01, ha="left", fontsize=10)
    legend_below(figure, panels[: len(cells)], columns=4)
    return figure


def ink_on(colour):
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "white" if 0.3 * red + 0.6 * green + 0.1 * blue < 110 else "black"


def draw_waterfall(plt, trace, cells):
    """None if no cell has a footprint."""
    cells = [cell for cell in cells if cell["memory"]]
    if not cells:
        return None
    labels = labels_of(cells)
    peaks = [cell["memory"]["peak"] for cell in cells]
    tallest = max(peak["mapped_bytes"] for peak in peaks) / MIB or 1
    figure, axes = plt.subplots(figsize=(3.4 + 1.35 * len(cells), 5.2), layout="constrained")
    above, below = [0.0] * len(cells), [0.0] * len(cells)
    for column, name, colour, hatch in COMPONENTS:
        values = [peak[column] / MIB for peak in peaks]
        bottoms = [above[i] if value >= 0 else below[i] for i, value in enumerate(values)]
        axes.bar(range(len(cells)), values, 0.66, bottom=bottoms, color=colour, hatch=hatch, edgecolor="black",
                 linewidth=0.5, label=name)
        for i, value in enumerate(values):
            (above if value >= 0 else below)[i] += value
            if value >= 0.045 * tallest:
                axes.text(i, bottoms[i] + value / 2, f"{value:.2f}", ha="center", va="center", fontsize=8.5,
                          color=ink_on(colour), bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.2})
    for i, peak in enumerate(peaks):
        axes.annotate(f"{peak['mapped_bytes'] / MIB:.2f}", (i, above[i]), xytext=(0, 3), textcoords="offset points",
                      ha="center", va="bottom", fontweight="bold")
    axes.set_xticks(range(len(cells)), [label.replace(", ", "\n") for label in labels])
    axes.set_ylim(bottom=min(below) * 1.1, top=1.08 * tallest)
    axes.grid(axis="x", visible=False)
    axes.set_ylabel("mapped memory at its peak (MiB)")
    axes.set_title(heading("Where the memory is when most is mapped", trace, cells))
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def draw_classes(plt, trace, cells):
    """None if no cell has size classes."""
    drawn = [(cell, label) for cell, label in zip(cells, labels_of(cells))
             if cell["memory"] and cell["memory"]["size_classes_at_peak"]]
    if not drawn:
        return None
    figure, grid = plt.subplots(2, len(drawn), figsize=(5 * len(drawn) + 0.6, 5), sharex=True, sharey="row",
                                squeeze=False, layout="constrained", height_ratios=(3, 2))
    for (cell, label), upper, lower in zip(drawn, *grid):
        classes = cell["memory"]["size_classes_at_peak"]
        sizes = [row["block_bytes"] for row in classes]
        width = 0.8 * min((b - a for a, b in zip(sizes, sizes[1:])), default=16)
        live = [row["live_blocks"] * row["block_bytes"] / KIB for row in classes]
        free = [row["available_blocks"] * row["block_bytes"] / KIB for row in classes]
        upper.bar(sizes, live, width, color=BLUE, edgecolor="black", linewidth=0.4, label="live blocks")
        upper.bar(sizes, free, width, bottom=live, color=YELLOW, edgecolor="black", linewidth=0.4, hatch="////",
                  label="free blocks")
        upper.set_title(label)
        used = [row for row in classes if row["utilisation"] is not None and row["pools"] > 0]
        lower.plot([row["block_bytes"] for row in used], [100 * row["utilisation"] for row in used], "D",
                   color=VERMILLION, markeredgecolor="black", markeredgewidth=0.5, markersize=5,
                   clip_on=False, label="utilisation (classes with pools)")
        lower.set_ylim(0, 105)
        lower.set_xlim(0, max(sizes) + width)
        lower.set_xticks(range(0, max(sizes) + 1, 64))
        lower.set_xlabel("block size (bytes)")
    grid[0][0].set_ylabel("blocks in pools (KiB)")
    grid[1][0].set_ylabel("live blocks (%)")
    figure.suptitle(heading("Size classes when most is mapped", trace, cells), x=0.01, ha="left", fontsize=10)
    legend_below(figure, grid.flat, columns=3)
    return figure


PLOTS = (("time", draw_time), ("footprint", draw_footprint), ("waterfall", draw_waterfall), ("classes", draw_classes))


def draw_all(plt, document, folder, extension):
    written = 0
    for trace, stem, cells in traces_of(document):
        for name, draw in PLOTS:
            figure = draw(plt, trace, cells)
            if figure is None:
                continue
            path = os.path.join(folder, f"{stem}-{name}.{extension}")
            metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(extension)
            figure.savefig(path, metadata=metadata)
            plt.close(figure)
            print(path)
            written += 1
    if written == 0:
        raise InputError("the document has no cells, so there is nothing to draw")


def pyplot():
    try:
        import matplotlib
    except ImportError as error:
        raise InputError("matplotlib is not installed; run tools/setup, and this with /usr/bin/python3") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update(STYLE)
    return plt


def parse(arguments):
    parser = argparse.ArgumentParser(prog="plot.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", metavar="results.json", help="what pymemlab replay -o wrote; - is standard input")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="folder for the pictures; made if absent")
    parser.add_argument("--format", choices=("svg", "png", "pdf"), default="svg")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    try:
        document = read_document(options.results)
        plt = pyplot()
        os.makedirs(options.output, exist_ok=True)
        try:
            draw_all(plt, document, options.output, options.format)
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
