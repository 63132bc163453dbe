"""A made-up result document of the right shape, for tests of what reads such documents."""
import math

CONFIGURATIONS = ("pymalloc", "pymalloc_debug", "malloc", "malloc_debug")
ARENA = 1 << 20
SAMPLES = 200
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
)


def sample(configuration, i):
    """The i-th of SAMPLES: two ramps, a plateau, a drain."""
    pymalloc, debug = configuration.startswith("pymalloc"), configuration.endswith("debug")
    x = i / (SAMPLES - 1)
    live_bytes = int(12e6 * min(x * 3, 1) * (0.75 + 0.25 * math.sin(9 * x)) * (1 if x < 0.85 else (1 - x) / 0.15 + 0.03))
    blocks = live_bytes // 90
    row = {
        "event": i * 6000,
        "allocated_bytes": i * 400_000,
        "live_blocks": blocks,
        "live_bytes": live_bytes,
        "hook_bytes": blocks * 24 if debug else 0,
        "rounding_bytes": blocks * (7 if pymalloc else 11),
        "metadata_bytes": blocks // 3 if pymalloc else blocks * 8,
        "free_block_bytes": int(live_bytes * 0.05 + 4e5 * x) if pymalloc else 0,
        "free_pool_bytes": 0,
        "structural_bytes": live_bytes // 90 if pymalloc else 0,
        "raw_free_bytes": int(2e5 + 1e6 * x) if pymalloc else int(4e5 + 2.5e6 * x),
        "unexplained_bytes": 2048,
        "residual_bytes": 0,
    }
    if pymalloc:
        row["free_pool_bytes"] = -sum(row[name] for name in COMPONENTS) % ARENA
    row["mapped_bytes"] = sum(row[name] for name in COMPONENTS)
    row["resident_bytes"] = int(row["mapped_bytes"] * 0.93) if i % 4 == 0 else None
    row["packed_bytes"] = row["live_bytes"]
    row["arenas"] = row["mapped_bytes"] // ARENA if pymalloc else 0
    return row


def memory(configuration):
    samples = [sample(configuration, i) for i in range(SAMPLES)]
    peak = max(samples, key=lambda row: row["mapped_bytes"])
    peak_live = max(samples, key=lambda row: row["live_bytes"])
    classes = []
    if configuration.startswith("pymalloc"):
        for k in range(32):
            pools = int(60 / (1 + abs(k - 3))) if k != 29 else 0
            room = pools * (16336 // (16 * k + 16))
            live = int(room * (0.55 + 0.4 * math.cos(k) ** 2))
            classes.append(
                {
                    "block_bytes": 16 * k + 16,
                    "pools": pools,
                    "live_blocks": live,
                    "available_blocks": room - live,
                    "utilisation": live / room if room else None,
                }
            )
    drained = samples[-1]
    return {
        "peak_live": peak_live,
        "peak": peak,
        "end": drained,
        "series": {name: [row[name] for row in samples] for name in samples[0]},
        "fragmentation": {
            "byte_time": 0.21,
            "jw1": 0.32,
            "jw2": peak_live["mapped_bytes"] / peak_live["live_bytes"] - 1,
            "jw3": peak["mapped_bytes"] / peak["live_bytes"] - 1,
            "jw4": peak["mapped_bytes"] / peak_live["live_bytes"] - 1,
            "internal_at_peak": 0.08,
            "external_at_peak": 0.12,
            "total_at_peak": 0.19,
            "hooks_at_peak": 0.0,
            "rounding_at_peak": 0.08,
            "retention_after_drain": 0.4,
            "pinned_1pct": {"value": None, "reason": "no domain uses pymalloc"},
            "pinned_5pct": 0.01,
            "pinned_25pct": 0.05,
        },
        "size_classes_at_peak": classes,
    }


def rounds(configuration):
    middle = 12 + 9 * CONFIGURATIONS.index(configuration)
    values = [middle * (1 + 0.02 * math.sin(7 * i) + (0.08 if i == 3 else 0)) for i in range(9)]
    raw = [
        {"kind": "cold", "events": 1_200_000, "ns": round(v * 1.2e6), "ns_per_event": v, "counters": {}} for v in values
    ]
    ordered = sorted(values)
    summary = {
        "rounds": len(values),
        "median_ns_per_event": ordered[4],
        "min_ns_per_event": ordered[0],
        "max_ns_per_event": ordered[-1],
        "interval_ns_per_event": [ordered[1], ordered[-2]],
        "interval_coverage": 0.961,
        "interval_note": None,
    }
    return {"rounds": raw, "summary": summary}


def statistics(configuration):
    if not configuration.startswith("pymalloc"):
        return None
    names = "arenas_total arenas_highwater arenas_current allocated_bytes available_bytes unused_pools "
    names += "unused_pool_bytes header_bytes quantization_bytes alignment_bytes"
    return {"text": ["Small block threshold = 512, in 32 size classes."], **dict.fromkeys(names.split(), 3)}


def cell(configuration):
    return {
        "trace": "t0",
        "target": "model",
        "configuration": configuration,
        "build": "release",
        "profile": "3.11",
        "system_malloc": "glibc",
        "arena_residue": "recorded",
        "touch": "first",
        "time": rounds(configuration),
        "memory": memory(configuration),
        "pymalloc": statistics(configuration),
        "replayed": {"events": 1_200_000, "skipped": 0, "void": False},
    }


def document():
    return {
        "schema": "pymemlab.results",
        "schema_version": 1,
        "context": {"command": ["pymemlab", "replay", "example.pmtrace"], "seed": 1},
        "traces": [
            {"id": "t0", "digest": "0123456789abcdef", "path": "traces/example.pmtrace", "summary": {"events": 1_200_000}}
        ],
        "cells": [cell(name) for name in CONFIGURATIONS],
    }
