"""What it takes in time: rounds, single calls, cells beside their baseline, time against memory."""
from plots.base import (BLACK, BLUE, GREEN, GREY, MIB, ORANGE, PURPLE, SKY, VERMILLION, heading, labels_of, legend_below,
                        title_above)


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


def draw_latency(plt, trace, cells):
    """How many calls took longer than so much, a panel an operation. None if no cell has latencies."""
    drawn = [(cell, label) for cell, label in zip(cells, labels_of(cells)) if cell.get("latency")]
    kinds = sorted({row["kind"] for cell, _ in drawn for row in cell["latency"]["kinds"] if row["calls"]})
    if not kinds:
        return None
    figure, grid = plt.subplots(1, len(kinds), figsize=(3.4 * len(kinds) + 0.6, 3.4), sharey=True, squeeze=False,
                                layout="constrained")
    colours = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)
    for axes, kind in zip(grid[0], kinds):
        for number, (cell, label) in enumerate(drawn):
            for row in cell["latency"]["kinds"]:
                if row["kind"] == kind and row["calls"]:
                    axes.step(*longer_than(row), where="post", color=colours[number % len(colours)],
                              linestyle="-" if number < len(colours) else "--", label=label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(kind)
        axes.set_xlabel("nanoseconds, the timer's own included")
    grid[0][0].set_ylabel("share of calls that took longer")
    title_above(figure, "Latency of single calls", trace, cells)
    legend_below(figure, grid[0], columns=4)
    return figure


def longer_than(row):
    """(bounds in nanoseconds, share of the calls above each)."""
    bounds, shares, left = [], [], row["calls"]
    for bucket in row["buckets"]:
        bounds.append(max(bucket["from_ns"], 0.5))
        shares.append(left / row["calls"])
        left -= bucket["calls"]
    return bounds, shares


def draw_pareto(plt, trace, cells):
    """Time against peak memory, those that no other beats in both joined. None without both figures."""
    points = [(cell["time"]["summary"]["median_ns_per_event"], cell["memory"]["peak"]["mapped_bytes"] / MIB, label)
              for cell, label in zip(cells, labels_of(cells)) if cell["memory"]]
    points = sorted(point for point in points if point[0] is not None)
    if not points:
        return None
    figure, axes = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
    best = [point for point in points if not any(beats(other, point) for other in points)]
    axes.plot([point[0] for point in best], [point[1] for point in best], "-", color=BLUE, linewidth=1,
              label="beaten by none in both")
    for time, memory, label in points:
        axes.plot([time], [memory], "o", markersize=8, color=BLUE if (time, memory, label) in best else GREY,
                  markeredgecolor="black", markeredgewidth=0.6)
        axes.annotate(label, (time, memory), xytext=(6, 5), textcoords="offset points", fontsize=9)
    axes.set_xlim(left=0, right=1.25 * max(point[0] for point in points))
    axes.set_ylim(bottom=0, top=1.15 * max(point[1] for point in points) or 1)
    axes.set_xlabel("time per event (ns, median)")
    axes.set_ylabel("mapped memory at its peak (MiB)")
    axes.set_title(heading("Time against memory", trace, cells))
    legend_below(figure, [axes], columns=1)
    return figure


def beats(one, other):
    return one[0] <= other[0] and one[1] <= other[1] and one[:2] != other[:2]


def draw_comparison(plt, trace):
    """A trace of `pymemlab compare --format json`: every cell's time over its baseline's, with its interval."""
    cells = [cell for cell in trace["cells"] if cell["time"]]
    if not cells:
        return None
    figure, axes = plt.subplots(figsize=(7.5, 1.6 + 0.5 * len(cells)), layout="constrained")
    colours = {"slower": VERMILLION, "faster": GREEN}
    for row, cell in enumerate(cells):
        time = cell["time"]
        colour = colours.get(time["verdict"], GREY)
        if "ratio_interval" in time:
            axes.plot(time["ratio_interval"], [row, row], "-|", color=colour, linewidth=2.5, markersize=11,
                      markeredgewidth=2)
        axes.plot([time["ratio"]], [row], "D", color=colour, markersize=7, markeredgecolor="black")
        axes.annotate(f"{time['ratio']:.2f}: {time['verdict'].replace('_', ' ')}", (time["ratio"], row), xytext=(0, 8),
                      textcoords="offset points", ha="center", fontsize=9)
    axes.axvline(1, color=BLACK, linewidth=1)
    axes.set_yticks(range(len(cells)), [cell["name"] for cell in cells])
    axes.set_ylim(len(cells) - 0.45, -0.7)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("time over the baseline's; the bar is the interval of this ratio")
    axes.set_title(trace["heading"])
    return figure
