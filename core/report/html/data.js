// The documents in the page. Each cell's large parts have elements of their own, which are read when
// they are first shown: a page of 50 MB opens as fast as a small one.

const parsed = new Map();

// The JSON of an element; null where there is no such element.
function embedded(id) {
  if (!parsed.has(id)) {
    const element = byId(id);
    parsed.set(id, element === null ? null : JSON.parse(element.textContent));
    if (element !== null) element.remove();
  }
  return parsed.get(id);
}

// A cell as the page shows it: what the results say of it, and what the comparison does.
class Cell {
  constructor(document, compared, index) {
    this.document = document;
    this.compared = compared;
    this.index = index; // in the results document
    this.name = compared.void ? `${compared.name} (void)` : compared.name;
    this.slot = null; // which colour draws it; null: it is not drawn
  }
  get shown() {
    return this.slot !== null;
  }
  // Takes the first colour that none of `others` has, or gives its own up.
  show(shown, others) {
    const taken = others.map((cell) => cell.slot);
    this.slot = shown ? [...taken.keys(), taken.length].find((slot) => !taken.includes(slot)) : null;
  }
  get memory() {
    return this.document.memory;
  }
  get series() {
    return embedded(`cell-${this.index}-series`);
  }
  get arenaMap() {
    return embedded(`cell-${this.index}-arena-map`);
  }
  get hasArenaMap() {
    const id = `cell-${this.index}-arena-map`;
    return byId(id) !== null || Boolean(parsed.get(id));
  }
  get rounds() {
    return this.document.time.rounds;
  }
  get color() {
    return this.slot === null ? "transparent" : theme.color(`cell-${this.slot % 7}`);
  }
  // Where the colours are used up, lines differ.
  get line() {
    return ["solid", "dashed", "dotted"][Math.floor(this.slot / 7) % 3];
  }
}

// How many cells are drawn at first: more are hard to tell apart.
const FIRST_SHOWN = 6;

// Traces that have cells, each with its cells, in the order of the document and of the comparison.
function readTraces() {
  const results = embedded("results");
  const comparison = embedded("comparison");
  const summary = embedded("summary");
  const cells = results.cells.map((cell, index) => ({ cell, index }));
  const used = results.traces.filter((trace) => cells.some(({ cell }) => cell.trace === trace.id));
  return used.map((trace, t) => {
    const own = cells.filter(({ cell }) => cell.trace === trace.id);
    const made = own.map(
      ({ cell, index }, place) => new Cell(cell, comparison.traces[t].cells[place], index),
    );
    made
      .filter((cell) => !cell.compared.void)
      .slice(0, FIRST_SHOWN)
      .forEach((cell) => cell.show(true, made));
    return { document: trace, heading: comparison.traces[t].heading, sentences: summary[t], cells: made };
  });
}

// What is looked at. Sections register what they do when another trace or other cells are chosen.
const view = {
  traces: [],
  trace: null,
  traceListeners: [],
  listeners: [],

  shown() {
    return this.trace.cells.filter((cell) => cell.shown);
  },
  changed() {
    for (const listener of this.listeners) listener();
  },
  choose(trace) {
    this.trace = trace;
    for (const listener of this.traceListeners) listener();
    this.changed();
  },
};

// Runs whenever the trace, the cells shown or the theme change.
function whenViewChanges(draw) {
  view.listeners.push(draw);
  theme.listeners.push(draw);
}
