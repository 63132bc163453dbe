"""Holds result documents against results/schema.json, with a validator that is not ours
(python3-jsonschema), and against what a schema cannot say: references, sums and inequalities.

    python3 tests/results/validate.py DOCUMENT...     ("-" is standard input)

Exit 0: all hold. 1: each fault on a line, with its place. 2: could not run.
"""
import base64
import json
import os
import sys

try:
    import jsonschema
except ImportError:
    print("validate.py: python3-jsonschema is not installed; run tools/setup", file=sys.stderr)
    sys.exit(2)

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "results", "schema.json")
COMPONENTS = (
    "live_bytes",
    "hook_bytes",
    "rounding_bytes",
    "metadata_bytes",
    "free_block_bytes",
    "free_pool_bytes",
    "structural_bytes",
    "raw_free_bytes",
    "unexplained_bytes",
    "residual_bytes",
)


def schema_faults(document, schema):
    validator = jsonschema.Draft202012Validator(schema)
    for error in sorted(validator.iter_errors(document), key=lambda error: list(map(str, error.path))):
        yield "/".join(map(str, error.absolute_path)) or "document", error.message[:300]


def sample_faults(sample):
    total = sum(sample[name] for name in COMPONENTS)
    if total != sample["mapped_bytes"]:
        yield f"mapped_bytes is {sample['mapped_bytes']}, its components add up to {total}"


def series_faults(series):
    lengths = {name: len(column) for name, column in series.items()}
    if len(set(lengths.values())) > 1:
        yield f"columns differ in length: {lengths}"
        return
    for i in range(len(series["event"])):
        for fault in sample_faults({name: column[i] for name, column in series.items()}):
            yield f"sample {i}: {fault}"
    for clock in ("event", "allocated_bytes"):
        if any(a > b for a, b in zip(series[clock], series[clock][1:])):
            yield f"{clock} runs backwards"


def memory_faults(memory):
    for name in ("peak_live", "peak", "end"):
        for fault in sample_faults(memory[name]):
            yield name, fault
    for fault in series_faults(memory["series"]):
        yield "series", fault
    for name, column in (("peak_live", "live_bytes"), ("peak", "mapped_bytes")):
        highest = max([*memory["series"][column], memory["end"][column]])
        if highest > memory[name][column]:
            yield name, f"{column} is {memory[name][column]}, but elsewhere {highest}"
    jw = [memory["fragmentation"][name] for name in ("jw2", "jw4", "jw3")]
    if all(isinstance(value, (int, float)) for value in jw):
        slack = 1e-9 * (1 + abs(jw[2]))
        if not jw[0] <= jw[1] + slack <= jw[2] + 2 * slack:
            yield "fragmentation", f"jw2 <= jw4 <= jw3 does not hold: {jw}"


def distribution_faults(row):
    quantiles = [row[name] for name in ("p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns")]
    if quantiles != sorted(quantiles):
        yield f"quantiles fall: {quantiles}"
    buckets = row.get("buckets")
    if buckets is None:
        return
    if sum(bucket["calls"] for bucket in buckets) != row["calls"]:
        yield f"its buckets hold other than its {row['calls']} calls"
    if any(a["to_ns"] > b["from_ns"] for a, b in zip(buckets, buckets[1:])):
        yield "its buckets overlap"


def latency_faults(latency):
    for fault in distribution_faults(latency["timer"]["empty_call"]):
        yield "timer/empty_call", fault
    for part in ("kinds", "size_classes"):
        for i, row in enumerate(latency[part]):
            for fault in distribution_faults(row):
                yield f"{part}/{i}", fault
    for kind in latency["kinds"]:
        calls = sum(row["calls"] for row in latency["size_classes"] if row["kind"] == kind["kind"])
        if calls != kind["calls"]:
            yield "size_classes", f"{calls} calls of {kind['kind']}, which has {kind['calls']}"


def map_faults(arena_map):
    """Each moment has an entry an arena, and two bytes a pool."""
    for i, moment in enumerate(arena_map["moments"] if arena_map else []):
        arenas = len(moment["slots"])
        if {len(moment[name]) for name in ("ordinals", "live_blocks", "used_bytes")} != {arenas}:
            yield f"moment {i}: lists differ in length"
        pools = len(base64.b64decode(moment["pools"], validate=True)) // 2
        if pools != arenas * arena_map["pools_per_arena"]:
            yield f"moment {i}: {pools} pools for {arenas} arenas of {arena_map['pools_per_arena']}"


def document_faults(document):
    ids = [trace["id"] for trace in document["traces"]]
    if len(set(ids)) < len(ids):
        yield "traces", f"an id stands twice: {ids}"
    for i, cell in enumerate(document["cells"]):
        if cell["trace"] not in ids:
            yield f"cells/{i}/trace", f"there is no trace {cell['trace']!r}"
        for name, fault in latency_faults(cell["latency"]) if cell.get("latency") else ():
            yield f"cells/{i}/latency/{name}", fault
        for fault in map_faults(cell.get("arena_map")):
            yield f"cells/{i}/arena_map", fault
        if cell["memory"] is None:
            continue
        for name, fault in memory_faults(cell["memory"]):
            yield f"cells/{i}/memory/{name}", fault


def faults(document, schema):
    """(place, fault) of everything wrong; the second kind of check needs the shape to be right."""
    found = list(schema_faults(document, schema))
    return found or list(document_faults(document))


def main(paths):
    if not paths:
        print("validate.py: wanted the paths of result documents", file=sys.stderr)
        return 2
    with open(SCHEMA, encoding="utf-8") as file:
        schema = json.load(file)
    status = 0
    for path in paths:
        try:
            with sys.stdin if path == "-" else open(path, encoding="utf-8") as file:
                document = json.load(file)
        except (OSError, ValueError) as error:
            print(f"validate.py: {path}: {error}", file=sys.stderr)
            return 2
        for place, fault in faults(document, schema):
            print(f"{path}: {place}: {fault}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
