"""What all plots share: units, colours, style, how cells are called, one kind of error."""
import os

MIB = 1 << 20
KIB = 1 << 10

# Okabe and Ito's palette: distinct for every common kind of colour vision.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE, GREY = "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#BBBBBB"

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


def value_of(cell, name):
    """A dimension in short: "libpython 3.11.2" for a real CPython, however long its path."""
    if name == "target" and cell.get("target_version"):
        return f"{cell['target'].split(':')[0]} {cell['target_version']}"
    if name == "system_malloc":
        return os.path.basename(cell[name])
    return str(cell[name])


def labels_of(cells):
    """The configuration, and of the other dimensions whatever the cells differ in."""
    shown = [name for name in DIMENSIONS if name == "configuration" or len({cell[name] for cell in cells}) > 1]
    return [
        ", ".join(value_of(cell, name) for name in shown
                  if name != "profile" or cell["target"] == "model")  # a real CPython's version says it
        + (" (void)" if cell["replayed"]["void"] else "")
        for cell in cells
    ]


def heading(what, trace, cells):
    profiles = sorted({cell["profile"] for cell in cells})
    events = trace["summary"]["events"]
    name = os.path.basename(trace["path"]) or trace["id"]
    return f"{what}\n{name}: {events:,} events, CPython {', '.join(profiles)}"


def title_above(figure, what, trace, cells):
    """Of a figure of several panels, whose own titles tell them apart."""
    figure.suptitle(heading(what, trace, cells), x=0.01, ha="left", fontsize=10)


def with_footprints(cells):
    return [cell for cell in cells if cell["memory"]]


def legend_below(figure, all_axes, columns):
    """Under the figure, where no data is; each label once. savefig's tight box makes room."""
    entries = {}
    for axes in all_axes:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            entries.setdefault(label, handle)
    figure.legend(entries.values(), entries.keys(), loc="upper center", bbox_to_anchor=(0.5, 0), ncols=columns)
