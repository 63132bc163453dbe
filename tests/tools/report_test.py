"""pymemlab report in a real browser: what is drawn, what keys and clicks do, what a hostile name cannot.

Needs Chromium, its driver and Selenium; is skipped by name without them. With PYMEMLAB_SCREENSHOTS=DIR the
pages are left there as pictures.
"""
import base64
import copy
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path[:0] = [HERE, os.path.join(HERE, "..", "results")]
import browser as browsers  # noqa: E402
import example  # noqa: E402

browsers.skip_without_browser()
from browser import PHONE, Keys  # noqa: E402

PYMEMLAB = os.environ["PYMEMLAB"]
PINNED = os.environ.get("PYMEMLAB_PINNED_TRACE")
SCREENSHOTS = os.environ.get("PYMEMLAB_SCREENSHOTS")
MIB = 1 << 20
HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'><!--.pmtrace"
CHARTS = ("footprint-chart", "waterfall-chart", "time-chart", "latency-chart", "classes-chart")


def arena_map():
    """Ten moments of four arenas that drain: in the end one block pins each of the first two."""
    moments = []
    for i in range(10):
        pools, used = bytearray(), []
        for arena in range(4):
            live = 255 - 25 * i if arena >= 2 else (255 if i < 8 else 1)
            full = 60 if arena >= 2 or i < 8 else 1
            pools += bytes([2 + arena, live] * full + [1, 0] * (62 - full) + [0, 0] + [255, 0])
            used.append(full * 16384 * live // 255)
        moments.append({"event": 100_000 * i, "allocated_bytes": MIB * i, "slots": [0, 1, 2, 5], "ordinals": [0, 1, 2, 7],
                        "live_blocks": [9, 1, 800, 900], "used_bytes": used, "pools": base64.b64encode(pools).decode()})
    return {"arena_bytes": MIB, "pool_bytes": 16384, "pools_per_arena": 64, "alignment": 16, "note": None,
            "moments": moments}


def latency(factor):
    """Calls that get ten times rarer with each doubling."""
    buckets = [{"from_ns": factor << i, "to_ns": factor << (i + 1), "calls": 10 ** (5 - i)} for i in range(5)]
    row = {"calls": sum(b["calls"] for b in buckets), "mean_ns": 12.5, "p50_ns": factor, "p90_ns": 2 * factor,
           "p99_ns": 4 * factor, "p999_ns": 8 * factor, "max_ns": 31 * factor, "buckets": buckets}
    return {"timer": {"clock": "tsc", "resolution_ns": 0.5, "overhead_ns": 9, "empty_call": row},
            "kinds": [{"kind": "malloc", **row}, {"kind": "free", **row}], "size_classes": []}


def full_document():
    document = example.document()
    for i, cell in enumerate(document["cells"]):
        cell["latency"] = latency(8 + i)
        if cell["configuration"].startswith("pymalloc"):
            cell["arena_map"] = arena_map()
            cell["costs"] = {"arena_maps": 10 + i, "pool_copied_bytes": 3 * MIB, "raw_requests": {"value": None, "reason": "unseen"}}
    return document


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = browsers.Browser()
        cls.addClassCleanup(cls.browser.close)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.page = cls.report(full_document(), "full")

    @classmethod
    def report(cls, document, name, *arguments):
        results, page = (os.path.join(cls.folder, f"{name}.{end}") for end in ("json", "html"))
        with open(results, "w", encoding="utf-8") as file:
            file.write(json.dumps(document))  # in a fifth of the time of json.dump()
        done = subprocess.run([PYMEMLAB, "report", results, "-o", page, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return page

    def open(self, page=None, **options):
        self.browser.open(page or self.page, **options)
        self.assertEqual(self.browser.errors(), [])

    def tearDown(self):
        self.assertEqual(self.browser.errors(), [])

    def column(self, number):
        return [cell.text for cell in self.browser.all(f"#cells-table tbody td:nth-child({number})")]

    def charts(self):
        """{id: points of its series} of the charts that are shown."""
        return self.browser.script("""
            const out = {};
            for (const element of document.querySelectorAll(".chart")) {
              const chart = echarts.getInstanceByDom(element);
              if (element.closest("[hidden]") || !chart || !element.querySelector("canvas")) continue;
              out[element.id] = chart.getOption().series.map((_, i) => chart.getModel().getSeriesByIndex(i).getData().count());
            }
            return out;""")

    def test_every_chart_is_drawn_from_the_data(self):
        self.open()
        charts = self.charts()
        self.assertEqual(sorted(charts), sorted(CHARTS))
        for name, lengths in charts.items():
            self.assertTrue(lengths and all(length > 0 for length in lengths), name)
        self.assertEqual(charts["footprint-chart"], [example.SAMPLES] * 5)  # four settings and what is live
        self.assertEqual(charts["time-chart"], [4, 4 * 9])
        blank = self.browser.script("""return [...document.querySelectorAll("canvas")].filter((canvas) =>
            !canvas.closest("[hidden]") && new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data).size < 3).length""")
        self.assertEqual(blank, 0)

    def test_the_page_asks_the_network_for_nothing(self):
        with open(self.page, encoding="utf-8") as file:
            page = file.read()
        self.assertIn("default-src 'none'", page)
        self.open()
        self.assertEqual(self.browser.script("return performance.getEntriesByType('resource').length"), 0)

    def test_each_column_sorts_both_ways_and_back(self):
        self.open()
        original = self.column(1)
        headings = len(self.browser.all("#cells-table th"))
        for number in range(1, headings + 1):
            heading = f"#cells-table th:nth-child({number})"
            seen = []
            for direction in ("ascending", "descending", "none"):
                self.browser.one(f"{heading} button").click()
                self.assertEqual(self.browser.one(heading).get_attribute("aria-sort"), direction)
                seen.append((self.column(number), self.column(1)))
            self.assertEqual(seen[2][1], original)
            self.assertEqual(seen[0][0], seen[1][0][::-1])
            self.assertEqual(sorted(seen[0][1]), sorted(original))
        self.browser.one("#cells-table th:nth-child(2) button").click()
        times = [float(text) for text in self.column(2)]
        self.assertEqual(times, sorted(times))

    def test_a_setting_that_is_not_ticked_is_not_drawn(self):
        self.open()
        self.browser.one("#cells-table tbody tr:nth-child(2) input").click()
        self.assertEqual(len(self.charts()["footprint-chart"]), 4)
        self.assertEqual(self.charts()["time-chart"][0], 3)
        self.browser.one("#cells-table tbody tr:nth-child(1) input").click()
        self.browser.one("#cells-table tbody tr:nth-child(2) input").click()
        colors = self.browser.script("""return [...document.querySelectorAll("#cells-table tbody .swatch")]
            .map((element) => getComputedStyle(element).backgroundColor)""")
        self.assertEqual(len(set(colors)), 4, colors)  # one is transparent
        for box in self.browser.all("#cells-table tbody input:checked"):
            box.click()
        self.assertNotIn("footprint-chart", self.charts())

    def test_the_slider_moves_the_arena_map_and_pinned_arenas_are_counted(self):
        self.open()
        self.assertIn("4 arenas", self.browser.text("#arenas-text"))
        self.browser.one("#arenas-moment").send_keys(Keys.HOME)
        first = self.browser.pixels("#arenas-canvas")
        self.assertNotIn("pinned", self.browser.text("#arenas-text"))
        self.browser.press(Keys.ARROW_RIGHT)
        self.assertNotEqual(self.browser.pixels("#arenas-canvas"), first)
        self.browser.press(Keys.END)
        self.assertIn("2 arenas are pinned by 10 blocks: 2.00 MiB", self.browser.text("#arenas-text"))
        last = self.browser.pixels("#arenas-canvas")
        self.browser.one("#arenas-mode input[value=class]").send_keys(Keys.SPACE)
        self.assertNotEqual(self.browser.pixels("#arenas-canvas"), last)

    def test_the_mouse_is_told_what_it_points_at(self):
        self.open()
        for chart, across, down, said in (("footprint", 0.5, 0.5, "malloc_debug"), ("waterfall", 0.3, 0.12, "live (asked for)"),
                                          ("time", 0.316, 0.13, " ns"), ("latency", 0.3, 0.5, "longer than"),
                                          ("classes", 0.2, 0.5, "utilisation")):
            self.browser.hover(f"#{chart}-chart", across, down)
            self.assertIn(said, self.browser.text(f"#{chart}-chart .tip"), chart)
        self.assertIn("At ", self.browser.text("#waterfall-title"))
        self.browser.hover("#arenas-canvas", 0.01, 0.02)
        self.assertIn("slot 0), pool", self.browser.text("#arenas-pool"))

    def test_the_cursor_follows_the_mouse(self):
        self.open()
        titles = []
        for across in (0.3, 0.6):
            self.browser.hover("#footprint-chart", across, 0.5)
            titles.append(self.browser.text("#waterfall-title"))
        self.assertNotEqual(*titles)

    def test_the_footprint_is_shown_as_resident_in_parts_and_over_events(self):
        self.open()
        self.browser.one("#footprint-mode input[value=resident_bytes]").send_keys(Keys.SPACE)
        self.assertEqual(len(self.charts()["footprint-chart"]), 5)
        self.browser.one("#footprint-mode input[value=parts]").send_keys(Keys.SPACE)
        self.assertEqual(len(self.charts()["footprint-chart"]), 8)  # pymalloc has no hooks
        self.browser.one("#footprint-cell").send_keys("malloc_debug")
        names = self.browser.script("""return echarts.getInstanceByDom(document.querySelector("#footprint-chart"))
            .getOption().series.map((series) => series.name)""")
        self.assertIn("debug hooks", names)
        self.assertNotIn("free pools", names)
        self.browser.one("#footprint-clock").send_keys("events")
        self.browser.hover("#footprint-chart", 0.5, 0.5)
        self.assertIn("event ", self.browser.text("#footprint-chart .tip"))

    def test_play_goes_through_the_moments(self):
        self.open()
        self.browser.one("#arenas-moment").send_keys(Keys.HOME)
        self.browser.one("#arenas-play").click()
        self.assertEqual(self.browser.text("#arenas-play"), "Pause")
        end = time.monotonic() + 30
        while self.browser.text("#arenas-play") == "Pause" and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual(self.browser.one("#arenas-moment").get_property("value"), "9")

    def test_arrow_keys_say_what_is_in_a_pool(self):
        self.open()
        self.browser.one("#arenas-moment").send_keys(Keys.END)
        self.browser.one("#arenas-map").send_keys(Keys.ARROW_DOWN)
        self.assertIn("Arena 1 of those requested (slot 0), pool 0: blocks of 16 bytes, 0 % live", self.browser.text("#arenas-pool"))
        self.browser.press(Keys.ARROW_DOWN)
        self.assertIn("pool 1: empty", self.browser.text("#arenas-pool"))
        self.browser.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        self.assertIn("Slot 3: no arena", self.browser.text("#arenas-pool"))

    def test_keys_move_the_cursor_of_the_footprint_and_zoom(self):
        self.open()
        chart = self.browser.one("#footprint-chart")
        chart.send_keys(Keys.HOME)
        self.assertIn("At 0 bytes requested", self.browser.text("#waterfall-title"))
        chart.send_keys(Keys.SHIFT, Keys.ARROW_RIGHT)
        self.assertIn("event 54,000", self.browser.text("#waterfall-title"))
        window = "const zoom = echarts.getInstanceByDom(arguments[0]).getOption().dataZoom[0]; return zoom.end - zoom.start"
        self.assertEqual(self.browser.script(window, chart), 100)
        chart.send_keys("++")
        self.assertAlmostEqual(self.browser.script(window, chart), 25, delta=0.1)
        chart.send_keys("0")
        self.assertEqual(self.browser.script(window, chart), 100)

    def test_the_keyboard_reaches_everything_in_reading_order(self):
        self.open()
        seen = []
        for _ in range(60):
            self.browser.press(Keys.TAB)
            seen.append(self.browser.script("const e = document.activeElement; return e.id || e.className || e.textContent"))
        self.assertEqual(seen[0], "skip")
        wanted = ["theme", "footprint-chart", "classes-cell", "arenas-moment", "arenas-map"]
        self.assertEqual([name for name in dict.fromkeys(seen) if name in wanted], wanted)
        self.open()
        self.browser.one("#cells-table th:nth-child(2) button").send_keys(Keys.ENTER)
        self.assertEqual(self.browser.one("#cells-table th:nth-child(2)").get_attribute("aria-sort"), "ascending")
        self.assertEqual(self.browser.script("return document.activeElement.textContent"), "ns/event")

    def test_dark_as_the_system_has_it_and_as_the_button_says(self):
        paper = "return getComputedStyle(document.body).backgroundColor"
        self.open(scheme="light")
        light = self.browser.script(paper)
        self.open(scheme="dark")
        dark = self.browser.script(paper)
        self.assertNotEqual(light, dark)
        before = self.browser.pixels("#footprint-chart canvas")
        self.browser.one("#theme").click()
        self.assertEqual(self.browser.script(paper), light)
        self.assertNotEqual(self.browser.pixels("#footprint-chart canvas"), before)

    def test_what_the_allocator_counted_stands_in_a_table(self):
        self.open()
        self.browser.one("#costs summary").click()
        rows = [row.text.split("\n") for row in self.browser.all("#costs-table tr")]
        self.assertEqual([" ".join(row) for row in rows],
                         ["pymalloc pymalloc_debug", "arena maps 10 11", "pool copied 3.00 MiB 3.00 MiB", "raw requests – –"])

    def test_warm_rounds_are_drawn_and_named(self):
        document = full_document()
        for round_ in document["cells"][0]["time"]["rounds"][1:]:
            round_["kind"] = "warm"
        self.open(self.report(document, "warm"))
        kinds = self.browser.script("""return echarts.getInstanceByDom(document.querySelector("#time-chart"))
            .getOption().series[1].data.map((point) => point.value[3])""")
        self.assertEqual(kinds[:9], [0] + [1] * 8)

    def test_a_phone_needs_no_sideways_scrolling(self):
        self.open(size=PHONE)
        self.assertEqual(self.browser.script("return document.documentElement.scrollWidth"), PHONE[0])
        self.assertEqual(sorted(self.charts()), sorted(CHARTS))

    def test_a_hostile_name_stays_a_name(self):
        document = full_document()
        document["traces"][0]["path"] = HOSTILE
        document["context"]["command"] = ["pymemlab", HOSTILE]
        for cell in document["cells"]:
            cell["configuration"] += HOSTILE
        self.open(self.report(document, "hostile"))
        self.assertIsNone(self.browser.script("return window.hacked ?? null"))
        self.assertIn("<img src=x", self.browser.text("#cells-table"))
        self.assertIn(HOSTILE, self.browser.text("#run-body"))
        self.assertEqual(self.browser.all("img"), [])

    def test_the_operations_of_the_latency_are_those_of_the_trace_that_is_shown(self):
        document = full_document()
        document["traces"].append({**document["traces"][0], "id": "t1", "path": "second.pmtrace"})
        other = copy.deepcopy(document["cells"][0])
        other["trace"] = "t1"
        other["latency"]["kinds"] = [{**other["latency"]["kinds"][0], "kind": kind} for kind in ("calloc", "free")]
        document["cells"].append(other)

        def switch():
            labels = self.browser.all("#latency-kind label")
            return [(label.text, label.find_element("tag name", "input").is_selected()) for label in labels]

        self.open(self.report(document, "operations"))
        self.browser.all("#latency-kind label")[1].click()
        self.assertEqual(switch(), [("malloc", False), ("free", True)])
        self.browser.one("#trace").send_keys(Keys.ARROW_DOWN)
        self.assertEqual(switch(), [("calloc", False), ("free", True)])
        self.browser.all("#latency-kind label")[0].click()
        self.browser.one("#trace").send_keys(Keys.ARROW_UP)
        self.assertEqual(switch(), [("malloc", True), ("free", False)])

    def test_a_document_with_gaps_and_two_traces_is_shown(self):
        document = full_document()
        document["traces"].append({**document["traces"][0], "id": "t1", "path": "second.pmtrace"})
        bare = copy.deepcopy(document["cells"][0])
        for key in ("latency", "arena_map"):
            del bare[key]
        bare.update(trace="t1", memory=None, memory_reason="not asked for")
        bare["time"]["rounds"] = bare["time"]["rounds"][:1]
        document["cells"].append(bare)
        self.open(self.report(document, "gaps"))
        self.browser.one("#trace").send_keys(Keys.ARROW_DOWN)
        self.assertEqual(self.browser.text("#title"), "second.pmtrace")
        self.assertEqual(list(self.charts()), ["time-chart"])
        self.open(self.report({**document, "cells": []}, "no-cells"))
        self.assertEqual(self.browser.text("#title"), "No cells")

    def test_fifty_megabytes_open_quickly(self):
        document = full_document()
        for cell in document["cells"]:
            series = cell["memory"]["series"]
            length = 110_000
            for name, values in series.items():
                series[name] = [value for value in values for _ in range(length // len(values))]
        begin = time.monotonic()
        page = self.report(document, "large")
        made = time.monotonic() - begin
        begin = time.monotonic()
        self.open(page)
        shown = time.monotonic() - begin
        size = os.path.getsize(os.path.join(self.folder, "large.json")) / 1e6
        print(f"{size:.0f} MB of results: page of {os.path.getsize(page) / 1e6:.0f} MB made in {made:.1f} s, "
              f"opened and drawn in {shown:.1f} s", file=sys.stderr)
        self.assertGreater(size, 50)
        self.assertEqual(sorted(self.charts()), sorted(CHARTS))
        self.assertLess(shown, 15)

    def test_every_sentence_of_an_advice_is_shown_and_what_keeps_no_arena_is_left_out_of_the_table(self):
        with open(os.path.join(ROOT, "tests", "analyze", "goldens", "advice.json"), encoding="utf-8") as file:
            advice = json.load(file)
        advice["sentences"].append({"topic": "of-tomorrow", "text": "A sentence of a later version. " + HOSTILE})
        advice["environment"] = ["PYTHONMALLOC=malloc", "LD_PRELOAD=libfast.so"]
        advice["pinning"]["groups"].append({**advice["pinning"]["groups"][1], "arenas_alone": 0, "returned_bytes": 0})
        path = os.path.join(self.folder, "advice.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(advice, file)
        self.open(self.report(full_document(), "advised", "--advice", path))
        shown = [element.text for element in self.browser.all("#verdict-body li, #verdict-body .lead")]
        for sentence in advice["sentences"]:
            self.assertIn(sentence["text"], shown)
        self.assertEqual(self.browser.text("#verdict-body pre"), "PYTHONMALLOC=malloc\nLD_PRELOAD=libfast.so")
        self.assertEqual(len(self.browser.all("#pinning-table tbody tr")), 2)
        self.assertIsNone(self.browser.script("return window.hacked ?? null"))
        with open(path, "w", encoding="utf-8") as file:
            json.dump({**advice, "pinning": None}, file)
        self.open(self.report(full_document(), "unpinned", "--advice", path))
        self.assertEqual(self.browser.all("#pinning-table"), [])
        self.assertNotIn("null", self.browser.text("#verdict-body"))

    @unittest.skipUnless(PINNED, "the environment names no writer of the trace")
    def test_two_hundred_blocks_that_pin_a_hundred_arenas_are_named_first(self):
        trace, results, advice, page = (os.path.join(self.folder, f"pinned.{end}") for end in ("pmtrace", "json", "advice", "html"))
        subprocess.run([PINNED, trace], check=True)
        common = ["--rounds", "1", "--allow-debug-build"]
        with open(advice, "w", encoding="utf-8") as file:
            subprocess.run([PYMEMLAB, "advise", trace, *common, "--others", "none", "--format", "json"], stdout=file, check=True)
        subprocess.run([PYMEMLAB, "replay", trace, *common, "--arena-map", "--samples", "200", "-c", "pymalloc", "-o", results],
                       stderr=subprocess.DEVNULL, check=True)
        subprocess.run([PYMEMLAB, "report", results, "--advice", advice, "-o", page], stderr=subprocess.DEVNULL, check=True)
        self.open(page)
        first = [cell.text for cell in self.browser.all("#pinning-table tbody tr:nth-child(1) td")]
        self.assertEqual(first, ["app.py:12 in remember", "512", "200", "1 to 10", "100", "99.0 MiB (103,809,024 bytes)"])
        self.assertIn("200 blocks of size class 512, asked for at app.py:12 in remember", self.browser.text("#verdict-body"))
        self.browser.one("#arenas-most").click()
        self.assertRegex(self.browser.text("#arenas-text"), "10[0-9] arenas are pinned")
        if SCREENSHOTS:
            self.browser.screenshot(os.path.join(SCREENSHOTS, "pinned.png"))

    def test_the_charts_library_is_the_one_its_folder_names(self):
        folder = os.path.join(ROOT, "third_party", "echarts")
        with open(os.path.join(folder, "echarts.min.js"), "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        with open(os.path.join(folder, "README.md"), encoding="utf-8") as file:
            self.assertIn(digest, file.read())
        self.open()
        self.assertEqual(self.browser.script("return echarts.version"), "6.1.0")

    @unittest.skipUnless(SCREENSHOTS, "PYMEMLAB_SCREENSHOTS names no folder")
    def test_pictures_of_the_page(self):
        for name, options in (("laptop", {}), ("dark", {"scheme": "dark"}), ("phone", {"size": PHONE})):
            self.open(**options)
            self.browser.screenshot(os.path.join(SCREENSHOTS, f"{name}.png"))


if __name__ == "__main__":
    unittest.main()
