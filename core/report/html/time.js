// Time an event: every round, the median and its interval.

let timeChart = null;

function timedCells() {
  return view.shown().filter((cell) => cell.rounds.length > 0);
}

// The same on every drawing, so that points do not dance: a spread by the round's number.
function jitter(i) {
  return ((i * 0.618034) % 1) - 0.5;
}

function roundPoints(cells) {
  return cells.flatMap((cell, row) =>
    cell.rounds.map((round, i) => ({
      value: [round.ns_per_event, row, jitter(i), round.kind === "warm" ? 1 : 0],
      round: { cell, kind: round.kind, number: round.round ?? i },
    })),
  );
}

// A bar from low to high and a line at the median, for one row.
function intervalShape(params, api, cells) {
  const { figures } = cells[params.dataIndex].compared;
  const { color } = cells[params.dataIndex];
  const [median, y] = api.coord([figures.median_ns_per_event, params.dataIndex]);
  const half = 9;
  const children = [
    {
      type: "rect",
      shape: { x: median - 1.5, y: y - half - 3, width: 3, height: 2 * half + 6 },
      style: { fill: color },
    },
  ];
  const interval = figures.interval_ns_per_event;
  if (interval) {
    const [low] = api.coord([interval[0], params.dataIndex]);
    const [high] = api.coord([interval[1], params.dataIndex]);
    children.unshift({
      type: "rect",
      shape: { x: low, y: y - half, width: Math.max(1, high - low), height: 2 * half, r: 3 },
      style: { fill: color, opacity: 0.28 },
    });
  }
  return { type: "group", children };
}

function describeTime() {
  const cells = timedCells();
  if (cells.length === 0) return null;
  const names = cells.map((cell) => cell.name);
  return {
    grid: { left: nameColumn(names), right: 24, top: 8, bottom: 46 },
    tooltip: tooltip((point) => timeTip(point, cells), { trigger: "item" }),
    xAxis: axis({
      axis: { type: "value", min: 0, name: "ns an event", nameLocation: "middle", nameGap: 28 },
    }),
    yAxis: nameAxis(names),
    series: [
      {
        type: "custom",
        name: "median and interval",
        data: cells.map((cell, row) => [cell.compared.figures.median_ns_per_event, row]),
        renderItem: (params, api) => intervalShape(params, api, cells),
        encode: { x: 0, y: 1 },
      },
      {
        type: "custom",
        name: "rounds",
        data: roundPoints(cells),
        encode: { x: 0, y: 1 },
        renderItem: (params, api) => {
          const [x, y] = api.coord([api.value(0), api.value(1)]);
          const { color } = cells[api.value(1)];
          return {
            type: "circle",
            shape: { cx: x, cy: y + api.value(2) * 22, r: 3 },
            style: api.value(3)
              ? { fill: "transparent", opacity: 0.75, stroke: color, lineWidth: 1.5 }
              : { fill: color, opacity: 0.75, stroke: theme.color("card"), lineWidth: 0.5 },
          };
        },
      },
    ],
  };
}

function timeTip(point, cells) {
  if (point.seriesIndex === 1) {
    const { cell, kind, number } = point.data.round;
    return tipRows(cell.name, [[cell.color, `round ${number}, ${kind}`, nanoseconds(point.value[0])]]);
  }
  const cell = cells[point.dataIndex];
  const { figures } = cell.compared;
  const rows = [[cell.color, `median of ${figures.rounds}`, nanoseconds(figures.median_ns_per_event)]];
  if (figures.interval_ns_per_event)
    rows.push([null, `interval, ${percent(figures.interval_coverage)} sure`, `${intervalText(figures)} ns`]);
  rows.push([null, "of time", verdictText(cell.compared)]);
  return tipRows(cell.name, rows);
}

// What the allocator did: a row a counter, a column a cell. A figure may be an object
// that says why there is none.
function drawCosts() {
  const cells = view.shown().filter((cell) => cell.document.costs);
  byId("costs").hidden = cells.length === 0;
  if (cells.length === 0) return;
  const names = [...new Set(cells.flatMap((cell) => Object.keys(cell.document.costs)))];
  const text = (name, value) => (name.endsWith("_bytes") ? bytes(value) : count(value));
  const row = (name) =>
    make(
      "tr",
      {},
      make("td", { class: "name" }, name.replace(/_bytes$/, "").replaceAll("_", " ")),
      ...cells.map((cell) => make("td", {}, text(name, cell.document.costs[name]))),
    );
  const heads = cells.map((cell) => make("th", {}, cell.name));
  byId("costs-table").replaceChildren(
    make("thead", {}, make("tr", {}, make("th", { class: "name" }, ""), ...heads)),
    make("tbody", {}, ...names.map(row)),
  );
}

function drawTime() {
  byId("time").hidden = view.trace.cells.every((cell) => cell.rounds.length === 0);
  setRows("time-chart", Math.max(1, timedCells().length), 42, 56);
  timeChart.draw();
  drawCosts();
}

function startTime() {
  timeChart = makeChart("time-chart", describeTime);
  whenViewChanges(drawTime);
}
