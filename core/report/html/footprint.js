// Footprint over the run, with a cursor that the waterfall follows.

const footprint = {
  mode: "mapped_bytes",
  cell: null,
  axis: "allocated_bytes",
  clock: null,
  chart: null,
  waterfall: null,
  line: null,
};

// Index of the last sample at or before that value of the clock that is drawn.
function sampleAt(series, clock) {
  const clocks = series[footprint.axis];
  let low = 0;
  let high = clocks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (clocks[middle] <= clock) low = middle;
    else high = middle - 1;
  }
  return low;
}

function measuredCells() {
  return view
    .shown()
    .filter((cell) => cell.memory !== null && cell.series !== null && cell.series.event.length > 0);
}

// Clock and value in turn, as the charts library reads them fastest; NaN where there is no value.
function points(series, key, divisor) {
  const clocks = series[footprint.axis];
  const values = series[key];
  const out = new Float64Array(2 * clocks.length);
  for (let i = 0; i < clocks.length; ++i) {
    out[2 * i] = clocks[i];
    out[2 * i + 1] = values[i] === null ? NaN : values[i] / divisor;
  }
  return out;
}

function lineOf(name, data, color, extra = {}) {
  return {
    type: "line",
    name,
    data,
    symbol: "none",
    sampling: "lttb",
    lineStyle: { color, width: 2, ...extra.lineStyle },
    itemStyle: { color },
    emphasis: { disabled: true },
    connectNulls: true,
    ...extra.series,
  };
}

function cellLines(cells, divisor) {
  const lines = cells.map((cell) =>
    lineOf(cell.name, points(cell.series, footprint.mode, divisor), cell.color, {
      lineStyle: { type: cell.line },
      series: footprint.mode === "mapped_bytes" ? { markPoint: peakMark(cell, divisor) } : {},
    }),
  );
  const live = points(cells[0].series, "live_bytes", divisor);
  lines.push(
    lineOf("live (asked for)", live, theme.color("muted"), { lineStyle: { type: "dashed", width: 1.5 } }),
  );
  return lines;
}

// The exact peak, which may lie between two samples.
function peakMark(cell, divisor) {
  const { peak } = cell.memory;
  return {
    silent: true,
    symbol: "circle",
    symbolSize: 8,
    label: { show: false },
    itemStyle: { color: cell.color, borderColor: theme.color("card"), borderWidth: 1.5 },
    data: [{ coord: [peak[footprint.axis], peak.mapped_bytes / divisor] }],
  };
}

function partLines(cell, divisor) {
  const kept = PARTS.filter((part) => cell.series[part.key].some((value) => value !== 0));
  return kept.map((part) =>
    lineOf(part.text, points(cell.series, part.key, divisor), theme.color(part.color), {
      lineStyle: { width: 0 },
      series: {
        stack: "parts",
        areaStyle: { color: theme.color(part.color), opacity: 0.9 },
        sampling: undefined,
      },
    }),
  );
}

function describeFootprint() {
  const all = measuredCells();
  if (all.length === 0) return null;
  const isParts = footprint.mode === "parts";
  const cells = isParts ? [footprint.cell] : all;
  const most = Math.max(...cells.map((cell) => cell.memory.peak.mapped_bytes), 1);
  const scale = byteScale(most);
  const clock = clockText(lastClock(cells));
  const series = isParts ? partLines(cells[0], scale.divisor) : cellLines(cells, scale.divisor);
  return {
    grid: { left: isNarrow() ? 48 : 60, right: isNarrow() ? 12 : 24, top: isNarrow() ? 76 : 56, bottom: 86 },
    legend: seriesLegend(series.map((line) => line.name)),
    tooltip: tooltip((points) => footprintTip(points, scale), {
      trigger: "axis",
      axisPointer: { type: "line", lineStyle: { opacity: 0 } },
    }),
    xAxis: axis({
      axis: {
        type: "value",
        name: footprint.axis === "event" ? "events" : "bytes requested",
        nameLocation: "middle",
        nameGap: 26,
        min: 0,
        max: lastClock(cells),
        splitLine: { show: false },
        interval: niceStep(lastClock(cells), clock.divisor, isNarrow() ? 3 : 7),
      },
      label: { formatter: clock.label, showMaxLabel: false },
    }),
    yAxis: axis({
      axis: { type: "value", name: `${modeText()}, ${scale.unit}`, nameLocation: "end", min: 0 },
      nameText: { align: "left", padding: [0, 0, 0, isNarrow() ? -40 : -50] },
    }),
    dataZoom: [
      {
        type: "inside",
        zoomOnMouseWheel: "ctrl",
        moveOnMouseMove: "shift",
        preventDefaultMouseMove: false,
        filterMode: "none",
      },
      {
        type: "slider",
        height: 22,
        bottom: 10,
        filterMode: "none",
        showDetail: false,
        borderColor: theme.color("line"),
        backgroundColor: "transparent",
        fillerColor: "rgba(110,160,210,0.18)",
        dataBackground: { lineStyle: { opacity: 0.35 }, areaStyle: { opacity: 0.15 } },
        handleStyle: { color: theme.color("card"), borderColor: theme.color("muted") },
        moveHandleSize: 4,
        brushSelect: false,
      },
    ],
    series,
  };
}

// How values of the clock are written along an axis that ends at `most`.
function clockText(most) {
  if (footprint.axis === "event") return { divisor: 1, label: count };
  const scale = byteScale(most);
  return { divisor: scale.divisor, label: (value) => `${trimmed(value / scale.divisor)} ${scale.unit}` };
}

function modeText() {
  return { mapped_bytes: "mapped", resident_bytes: "resident", parts: "mapped" }[footprint.mode];
}

function trimmed(value) {
  return String(Number(value.toFixed(value >= 100 ? 0 : 2)));
}

// A round step, in the scale's own unit, that cuts `most` into about so many.
function niceStep(most, divisor, pieces) {
  const raw = most / divisor / pieces;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  return step * divisor;
}

function lastClock(cells) {
  return Math.max(
    ...cells.map((cell) => cell.series[footprint.axis][cell.series[footprint.axis].length - 1]),
    1,
  );
}

function footprintTip(points, scale) {
  const rows = points
    .filter((point) => isNumber(point.value[1]))
    .map((point) => [point.color, point.seriesName, bytes(point.value[1] * scale.divisor)]);
  return tipRows(
    footprint.axis === "event"
      ? `event ${count(points[0].axisValue)}`
      : `${bytes(points[0].axisValue)} requested`,
    footprint.mode === "parts" ? rows.reverse() : rows,
  );
}

// Puts the cursor at a value of the clock.
function moveCursor(clock) {
  const cells = measuredCells();
  if (cells.length === 0) return;
  footprint.clock = Math.min(Math.max(0, clock), lastClock(cells));
  placeCursorLine();
  drawWaterfall();
}

function placeCursorLine() {
  const chart = footprint.chart.instance;
  if (chart === null || footprint.clock === null) return;
  const grid = chart.getModel().getComponent("grid").coordinateSystem.getRect();
  const x = chart.convertToPixel({ xAxisIndex: 0 }, footprint.clock);
  const line = footprint.line;
  line.hidden = !(x >= grid.x - 1 && x <= grid.x + grid.width + 1);
  line.style.left = `${x - 1}px`;
  line.style.top = `${grid.y}px`;
  line.style.height = `${grid.height}px`;
}

function drawFootprint() {
  const cells = measuredCells();
  byId("footprint").hidden = view.trace.cells.every((cell) => cell.memory === null);
  byId("footprint-cell-choice").hidden = footprint.mode !== "parts";
  footprint.cell = cellChoice("footprint-cell", cells, drawFootprint);
  if (cells.length > 0 && (footprint.clock === null || footprint.clock > lastClock(cells)))
    footprint.clock = cells[0].memory.peak[footprint.axis];
  footprint.chart.draw();
  if (footprint.chart.instance !== null && footprint.line === null) watchFootprint();
  if (footprint.line !== null) placeCursorLine();
  drawWaterfall();
}

function watchFootprint() {
  const { chart } = footprint;
  footprint.line = make("div", { class: "cursor", ariaHidden: "true" });
  chart.element.append(footprint.line);
  chart.instance.getZr().on("mousemove", (event) => follow(event));
  chart.instance.getZr().on("click", (event) => follow(event));
  chart.instance.on("datazoom", placeCursorLine);
  chart.instance.on("finished", placeCursorLine);
  chart.element.addEventListener("keydown", footprintKey);
}

function follow(event) {
  const chart = footprint.chart.instance;
  if (chart.containPixel("grid", [event.offsetX, event.offsetY]))
    moveCursor(chart.convertFromPixel({ xAxisIndex: 0 }, event.offsetX));
}

function zoomWindow() {
  const zoom = footprint.chart.instance.getOption().dataZoom[0];
  return { start: zoom.start, end: zoom.end };
}

// Zooms around the cursor; a factor above 1 shows less of the run.
function zoomBy(factor) {
  const { start, end } = zoomWindow();
  const middle = (100 * footprint.clock) / lastClock(measuredCells());
  const half = Math.min(50, Math.max(0.05, (end - start) / 2 / factor));
  const from = Math.min(Math.max(0, middle - half), 100 - 2 * half);
  footprint.chart.instance.dispatchAction({
    type: "dataZoom",
    start: Math.max(0, from),
    end: Math.min(100, from + 2 * half),
  });
}

function footprintKey(event) {
  const cells = measuredCells();
  if (cells.length === 0) return;
  const { start, end } = zoomWindow();
  const step = (lastClock(cells) * (end - start)) / 100 / (event.shiftKey ? 20 : 200);
  const keys = {
    ArrowLeft: () => moveCursor(footprint.clock - step),
    ArrowRight: () => moveCursor(footprint.clock + step),
    Home: () => moveCursor(0),
    End: () => moveCursor(lastClock(cells)),
    "+": () => zoomBy(2),
    "=": () => zoomBy(2),
    "-": () => zoomBy(0.5),
    0: () => showWholeRun(),
  };
  if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  keys[event.key]();
}

function showWholeRun() {
  footprint.chart.instance?.dispatchAction({ type: "dataZoom", start: 0, end: 100 });
}

function startFootprint() {
  footprint.chart = makeChart("footprint-chart", describeFootprint);
  footprint.waterfall = makeChart("waterfall-chart", describeWaterfall);
  choice(
    "footprint-mode",
    "What is drawn",
    [
      { value: "mapped_bytes", text: "Mapped" },
      { value: "resident_bytes", text: "Resident" },
      { value: "parts", text: "Parts" },
    ],
    footprint.mode,
    (mode) => {
      footprint.mode = mode;
      drawFootprint();
    },
  );
  byId("footprint-clock").onchange = (event) => {
    Object.assign(footprint, { axis: event.target.value, clock: null });
    drawFootprint();
  };
  byId("footprint-reset").onclick = showWholeRun;
  whenViewChanges(drawFootprint);
}
