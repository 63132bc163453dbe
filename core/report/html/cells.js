// The table of cells: one row a setting, sorted by any column, with a box that says what charts draw.

// One row a column: its heading, the value it is sorted by, and what it shows. `best`: the
// smallest value is marked.
const CELL_COLUMNS = [
  {
    title: "ns/event",
    value: (c) => c.figures.median_ns_per_event,
    show: (v) => (isNumber(v) ? v.toFixed(2) : NONE),
    best: true,
  },
  {
    title: "interval",
    value: (c) => c.figures.interval_ns_per_event?.[0],
    show: (v, c) => intervalText(c.figures),
  },
  {
    title: "ratio",
    value: (c) => (c.baseline === null ? 1 : c.time?.ratio),
    show: (v, c) => ratioText(v, c),
  },
  { title: "of time", value: (c) => verdictText(c), show: (v) => v, text: true },
  { title: "peak mapped", value: (c) => c.figures.peak_mapped_bytes, show: bytes, best: true },
  { title: "peak resident", value: (c) => c.figures.peak_resident_bytes, show: bytes, best: true },
  { title: "wasted over time", value: (c) => c.figures.byte_time, show: (v) => percent(v) },
  { title: "internal", value: (c) => c.figures.internal_at_peak, show: (v) => percent(v) },
  { title: "external", value: (c) => c.figures.external_at_peak, show: (v) => percent(v) },
];

// `column` null: the document's own order; -1: by name.
const cellOrder = { column: null, descending: false };

function intervalText(figures) {
  const interval = figures.interval_ns_per_event;
  return interval ? `${interval[0].toFixed(2)} to ${interval[1].toFixed(2)}` : NONE;
}

function ratioText(value, compared) {
  if (compared.baseline === null) return "1";
  return isNumber(value) ? value.toFixed(2) : NONE;
}

// As `pymemlab compare` says it.
function verdictText(compared) {
  if (!compared.time) return compared.baseline === null ? "baseline" : NONE;
  const from = compared.time.minimum_detectable_change;
  const isSame = compared.time.verdict === "no difference detectable" && isNumber(from);
  return compared.time.verdict + (isSame ? ` (from ${percent(from).replace(" ", "\u00a0")} on)` : "");
}

function byColumn(column, descending) {
  const isMissing = (value) => value === null || value === undefined;
  return (a, b) => {
    const [x, y] =
      column < 0 ? [a.name, b.name] : [a, b].map((cell) => CELL_COLUMNS[column].value(cell.compared));
    if (isMissing(x) || isMissing(y)) return isMissing(x) - isMissing(y); // last, whichever way
    const order = typeof x === "string" ? x.localeCompare(y) : x - y;
    return descending ? -order : order;
  };
}

function cellsInOrder() {
  const cells = [...view.trace.cells];
  if (cellOrder.column === null) return cells;
  return cells.sort(byColumn(cellOrder.column, cellOrder.descending));
}

// Ascending, descending, the document's own order.
function sortCells(column) {
  if (cellOrder.column !== column) Object.assign(cellOrder, { column, descending: false });
  else if (!cellOrder.descending) cellOrder.descending = true;
  else Object.assign(cellOrder, { column: null, descending: false });
  drawCells();
  byId("cells-table").querySelector(`[data-column="${column}"] button`).focus();
}

function cellHeading(title, column, className) {
  const sorted = cellOrder.column === column;
  const sort = sorted ? (cellOrder.descending ? "descending" : "ascending") : "none";
  const button = make("button", { type: "button", onclick: () => sortCells(column) }, title);
  return make("th", { class: className, scope: "col", "aria-sort": sort, "data-column": column }, button);
}

function leastOf(column) {
  const values = view.trace.cells
    .filter((cell) => !cell.compared.void)
    .map((cell) => column.value(cell.compared))
    .filter(isNumber);
  return values.length > 1 ? Math.min(...values) : null;
}

function cellRow(cell, least) {
  const color = swatch(cell.color);
  const box = make("input", {
    type: "checkbox",
    checked: cell.shown,
    onchange: () => {
      cell.show(box.checked, view.trace.cells);
      color.style.background = cell.color;
      view.changed();
    },
  });
  const name = make("td", { class: "name" }, make("label", {}, box, color, make("span", {}, cell.name)));
  const rest = CELL_COLUMNS.map((column, i) => {
    const value = column.value(cell.compared);
    const isBest = column.best && least[i] !== null && value === least[i] && !cell.compared.void;
    const tone = value === "faster" ? "good" : value === "slower" ? "bad" : "";
    return make(
      "td",
      { class: `${isBest ? "best" : ""} ${tone} ${column.text ? "text" : ""}`.trim() },
      column.show(value, cell.compared),
    );
  });
  return make("tr", {}, name, ...rest);
}

function drawCells() {
  const least = CELL_COLUMNS.map((column) => (column.best ? leastOf(column) : null));
  const head = make(
    "tr",
    {},
    cellHeading("setting", -1, "name"),
    ...CELL_COLUMNS.map((column, i) => cellHeading(column.title, i, column.text ? "text" : "")),
  );
  byId("cells-table").replaceChildren(
    make("thead", {}, head),
    make("tbody", {}, ...cellsInOrder().map((cell) => cellRow(cell, least))),
  );
  byId("cells-note").textContent =
    "Press a heading to sort; a ticked setting is drawn below. The least of a column is bold.";
  byId("cells-legend").replaceChildren(
    make(
      "details",
      {},
      make("summary", {}, "What the columns say"),
      make(
        "p",
        {},
        "ns/event: median of the cold rounds, the replay loop's own cost included. ratio: to the first setting, the median over " +
          "rounds. of time: signed-rank test of paired rounds at 5 % for the whole table (Holm); \u201cfrom X % on\u201d: what so many " +
          "rounds would find four times in five. wasted over time: the share of mapped bytes, over the whole run, that nothing live " +
          "asked for. internal, external: at the peak, lost within blocks and outside of them.",
      ),
    ),
    ...embedded("comparison").notes.map((note) => make("p", {}, `Note: ${note}.`)),
  );
}
