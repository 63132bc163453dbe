"""Where the memory is: over the run, at its peak, by size class."""
from plots.base import (BLACK, BLUE, GREEN, GREY, KIB, MIB, ORANGE, PURPLE, SKY, VERMILLION, YELLOW, heading, labels_of,
                        legend_below, title_above, with_footprints)

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


def draw_footprint(plt, trace, cells):
    """None if no cell has a footprint."""
    cells = with_footprints(cells)
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
    title_above(figure, "Footprint over the allocation clock", trace, cells)
    legend_below(figure, panels[: len(cells)], columns=4)
    return figure


def ink_on(colour):
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "white" if 0.3 * red + 0.6 * green + 0.1 * blue < 110 else "black"


def draw_waterfall(plt, trace, cells):
    """None if no cell has a footprint."""
    cells = with_footprints(cells)
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
    title_above(figure, "Size classes when most is mapped", trace, cells)
    legend_below(figure, grid.flat, columns=3)
    return figure
