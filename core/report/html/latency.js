// Latency of single calls: for each operation the share of calls that took longer than so much.

const latency = { kind: null, kinds: [], chart: null };
const QUANTILES = [
  ["p50", "p50_ns"],
  ["p90", "p90_ns"],
  ["p99", "p99_ns"],
  ["p99.9", "p999_ns"],
  ["longest", "max_ns"],
];

function latencyCells() {
  return view.shown().filter((cell) => cell.document.latency);
}

function kindOf(cell, kind) {
  return cell.document.latency.kinds.find((row) => row.kind === kind) ?? null;
}

// [nanoseconds, share of calls that took at least as long], from a histogram's buckets.
function tail(row) {
  let left = row.calls;
  const out = [];
  for (const bucket of row.buckets) {
    out.push([Math.max(1, bucket.from_ns), left / row.calls]);
    left -= bucket.calls;
  }
  out.push([Math.max(1, row.max_ns), 1 / row.calls]);
  return out;
}

function describeLatency() {
  const cells = latencyCells().filter((cell) => kindOf(cell, latency.kind) !== null);
  if (cells.length === 0) return null;
  const fewest = Math.min(...cells.map((cell) => 1 / kindOf(cell, latency.kind).calls));
  const lines = cells.map((cell) =>
    lineOf(cell.name, tail(kindOf(cell, latency.kind)), cell.color, {
      lineStyle: { type: cell.line },
      series: { step: "end", sampling: undefined },
    }),
  );
  lines.push(
    lineOf("empty call", tail(cells[0].document.latency.timer.empty_call), theme.color("muted"), {
      lineStyle: { type: "dotted", width: 1.5 },
      series: { step: "end", sampling: undefined },
    }),
  );
  return {
    grid: { left: isNarrow() ? 66 : 76, right: isNarrow() ? 14 : 24, top: 44, bottom: 46 },
    legend: seriesLegend(lines.map((line) => line.name)),
    tooltip: tooltip(
      (points) =>
        tipRows(
          `longer than ${nanoseconds(points[0].axisValue)}`,
          points.map((point) => [point.color, point.seriesName, percent(point.value[1], 3)]),
        ),
      { trigger: "axis" },
    ),
    xAxis: axis({
      axis: {
        type: "log",
        name: "a call takes at least",
        nameLocation: "middle",
        nameGap: 28,
        min: "dataMin",
      },
      label: { formatter: nanoseconds },
    }),
    yAxis: axis({
      axis: { type: "log", min: 10 ** Math.floor(Math.log10(fewest)), max: 1 },
      label: { formatter: shareText },
    }),
    series: lines,
  };
}

// 0.001 → "1 in 1,000".
function shareText(share) {
  return share >= 0.999 ? "all" : `1 in ${count(1 / share)}`;
}

function latencyTable(cells) {
  const head = make(
    "tr",
    {},
    make("th", { class: "name" }, `${latency.kind}, in`),
    make("th", {}, "calls"),
    make("th", {}, "mean"),
    ...QUANTILES.map(([title]) => make("th", {}, title)),
  );
  const rows = cells
    .filter((cell) => kindOf(cell, latency.kind) !== null)
    .map((cell) => {
      const row = kindOf(cell, latency.kind);
      return make(
        "tr",
        {},
        make("td", { class: "name" }, make("label", {}, swatch(cell.color), make("span", {}, cell.name))),
        make("td", {}, count(row.calls)),
        make("td", {}, nanoseconds(row.mean_ns)),
        ...QUANTILES.map(([, key]) => make("td", {}, nanoseconds(row[key]))),
      );
    });
  byId("latency-table").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
}

function drawLatency() {
  const cells = latencyCells();
  byId("latency").hidden = cells.length === 0;
  if (cells.length === 0) return;
  const kinds = [...new Set(cells.flatMap((cell) => cell.document.latency.kinds.map((row) => row.kind)))];
  if (!kinds.includes(latency.kind)) [latency.kind] = kinds;
  // A switch of the same operations stays: who chooses with the keyboard is in it.
  if (kinds.join() !== latency.kinds.join()) offerKinds(kinds);
  latency.chart.draw();
  latencyTable(cells);
}

function offerKinds(kinds) {
  latency.kinds = kinds;
  choice(
    "latency-kind",
    "Operation",
    kinds.map((kind) => ({ value: kind, text: kind })),
    latency.kind,
    (kind) => {
      latency.kind = kind;
      drawLatency();
    },
  );
}

function startLatency() {
  latency.chart = makeChart("latency-chart", describeLatency);
  whenViewChanges(drawLatency);
}
