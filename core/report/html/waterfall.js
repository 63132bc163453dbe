// What the mapped bytes of each cell are made of, at the cursor of the footprint.

// The parts of the mapped bytes, in the order of the identity (docs/metrics.md).
const PARTS = [
  { key: "live_bytes", text: "live (asked for)", color: "live" },
  { key: "hook_bytes", text: "debug hooks", color: "hook" },
  { key: "rounding_bytes", text: "rounding up", color: "rounding" },
  { key: "metadata_bytes", text: "metadata", color: "metadata" },
  { key: "free_block_bytes", text: "free blocks in used pools", color: "free-block" },
  { key: "free_pool_bytes", text: "free pools", color: "free-pool" },
  { key: "structural_bytes", text: "pool tails, alignment", color: "structural" },
  { key: "raw_free_bytes", text: "free in the system malloc", color: "raw-free" },
  { key: "unexplained_bytes", text: "unexplained", color: "unexplained" },
];

function describeWaterfall() {
  const cells = measuredCells();
  if (cells.length === 0) return null;
  const samples = cells.map((cell) => sampleAt(cell.series, footprint.clock));
  const scale = byteScale(Math.max(...cells.map((cell) => cell.memory.peak.mapped_bytes), 1));
  const names = cells.map((cell) => cell.name);
  return {
    grid: { left: nameColumn(names), right: 24, top: 4, bottom: 28 },
    tooltip: tooltip((point) => waterfallTip(cells[point.dataIndex], samples[point.dataIndex]), {
      trigger: "item",
    }),
    xAxis: axis({
      axis: {
        type: "value",
        max: Math.max(...cells.map((cell) => cell.memory.peak.mapped_bytes)) / scale.divisor,
      },
      label: { formatter: (value) => `${trimmed(value)} ${scale.unit}`, showMaxLabel: false },
    }),
    yAxis: nameAxis(names),
    series: usedParts(cells).map((part) => ({
      type: "bar",
      stack: "parts",
      name: part.text,
      barMaxWidth: 26,
      itemStyle: { color: theme.color(part.color) },
      emphasis: { focus: "none" },
      data: cells.map((cell, i) => Math.max(0, cell.series[part.key][samples[i]]) / scale.divisor),
    })),
  };
}

function usedParts(cells) {
  return PARTS.filter((part) =>
    cells.some((cell) => cell.memory.peak[part.key] !== 0 || cell.memory.end[part.key] !== 0),
  );
}

function waterfallTip(cell, i) {
  const rows = PARTS.filter((part) => cell.series[part.key][i] !== 0).map((part) => [
    theme.color(part.color),
    part.text,
    `${bytes(cell.series[part.key][i])}, ${percent(cell.series[part.key][i] / cell.series.mapped_bytes[i])}`,
  ]);
  rows.push([null, "mapped", bytes(cell.series.mapped_bytes[i])]);
  rows.push([null, "resident", bytes(cell.series.resident_bytes[i])]);
  return tipRows(cell.name, rows);
}

function drawWaterfall() {
  const cells = measuredCells();
  setRows("waterfall-chart", Math.max(1, cells.length), 34, 32);
  footprint.waterfall.draw();
  byId("waterfall-legend").replaceChildren(
    ...usedParts(cells).map((part) => make("span", {}, swatch(theme.color(part.color)), part.text)),
  );
  if (cells.length === 0) {
    byId("waterfall-title").textContent = "No setting that is drawn has a footprint.";
    return;
  }
  const i = sampleAt(cells[0].series, footprint.clock);
  byId("waterfall-title").textContent =
    `At ${bytes(cells[0].series.allocated_bytes[i])} requested, event ${count(cells[0].series.event[i])}: ` +
    `${bytes(cells[0].series.live_bytes[i])} live`;
}
