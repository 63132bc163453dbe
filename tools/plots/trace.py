"""What a program's blocks are like: sizes by lifetimes, from `pymemlab info --json`."""
import os


def draw_lifetimes(plt, document):
    """None if no block was freed."""
    rows = document["summary"]["lifetimes_by_size"]
    if not rows:
        return None
    from matplotlib.colors import LogNorm

    sizes = sorted({row["up_to_bytes"] for row in rows})
    lives = sorted({row["up_to_allocations"] for row in rows})
    counts = [[None] * len(lives) for _ in sizes]
    for row in rows:
        counts[sizes.index(row["up_to_bytes"])][lives.index(row["up_to_allocations"])] = row["count"]
    figure, axes = plt.subplots(figsize=(1.8 + 0.42 * len(lives), 1.6 + 0.34 * len(sizes)), layout="constrained")
    cells = [[float("nan") if count is None else count for count in row] for row in counts]
    most = max(row["count"] for row in rows)
    picture = axes.imshow(cells, origin="lower", aspect="auto", cmap="viridis", norm=LogNorm(1, max(most, 2)))
    axes.set_xticks(range(len(lives)), [short(life) for life in lives], rotation=90, fontsize=8)
    axes.set_yticks(range(len(sizes)), [short(size) for size in sizes], fontsize=8)
    axes.grid(visible=False)
    axes.set_xlabel("allocations between a block's own and its end, up to")
    axes.set_ylabel("bytes, up to")
    figure.colorbar(picture, ax=axes, label="blocks freed")
    total = sum(row["count"] for row in rows)
    axes.set_title(f"Lifetimes by size\n{os.path.basename(document['path'])}: {total:,} blocks were freed")
    return figure


def short(number):
    """A bin's upper end, 2^n - 1, as a reader says it."""
    for unit, factor in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if number + 1 >= factor:
            return f"{(number + 1) // factor}{unit}"
    return str(number)
