// The arena map: every pool of every arena at chosen moments of the run. A column is an arena's slot
// (where CPython keeps it in its table), so that an arena stays where it is from moment to moment.
//
// Each pool is two bytes (docs/metrics.md): a kind (0 never used, 1 empty, 255 no pool: lost to
// alignment, else 2 + its size class) and its share of live blocks in 255ths.

const NEVER = 0;
const EMPTY = 1;
const LOST = 255;
const FIRST_CLASS = 2;
const PINNED_BELOW = 0.05;
const ARROW = 9; // pixels for the mark below a pinned arena
const MOST_HEIGHT = 2400; // pixels, where it can be had

const arenas = {
  mode: "occupancy",
  cell: null,
  map: null,
  moments: [],
  moment: 0,
  picked: null,
  layout: null,
  timer: 0,
};

// From nearly empty to full: viridis, its dark end lifted on a dark page, so that what stands out is
// the same on both: pools that few blocks hold.
const SHADES = {
  light: ["#fde725", "#b5de2b", "#6ece58", "#35b779", "#1f9e89", "#26828e", "#31688e", "#3e4989", "#482878"],
  dark: ["#fde725", "#b5de2b", "#6ece58", "#35b779", "#2aa88f", "#2f95a0", "#3b80ab", "#4a6bb0", "#5a5bb0"],
};

function mix(from, to, share) {
  const part = (color, i) => parseInt(color.slice(1 + 2 * i, 3 + 2 * i), 16);
  const channel = (i) => Math.round(part(from, i) + (part(to, i) - part(from, i)) * share);
  return `rgb(${channel(0)},${channel(1)},${channel(2)})`;
}

// A share of 0 to 1 as a colour.
function shade(share) {
  const scale = SHADES[theme.isDark() ? "dark" : "light"];
  const place = Math.min(0.9999, Math.max(0, share)) * (scale.length - 1);
  return mix(scale[Math.floor(place)], scale[Math.floor(place) + 1], place % 1);
}

function decode(base64) {
  const text = atob(base64);
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) out[i] = text.charCodeAt(i);
  return out;
}

// One moment, read once.
function momentAt(i) {
  const moment = arenas.moments[i];
  if (!(moment.bytes instanceof Uint8Array)) moment.bytes = decode(moment.pools);
  return moment;
}

function isPinned(moment, k) {
  return moment.used_bytes[k] < PINNED_BELOW * arenas.map.arena_bytes;
}

function poolOf(moment, k, pool) {
  const at = 2 * (k * arenas.map.pools_per_arena + pool);
  return { kind: moment.bytes[at], share: moment.bytes[at + 1] / 255 };
}

// Columns of equal width, in as many bands as it takes for them to be wide enough; narrower and
// lower where that would make the map too high.
function layoutFor(width) {
  const pools = arenas.map.pools_per_arena;
  const ends = arenas.moments.map((moment) => (moment.slots[moment.slots.length - 1] ?? 0) + 1);
  const slots = Math.max(...ends, 1);
  for (const [narrowest, row] of [
    [5, Math.min(6, Math.floor(384 / pools))],
    [3, 3],
    [2, 2],
    [1, 1],
  ]) {
    const perBand = Math.min(slots, Math.max(1, Math.floor(width / narrowest)));
    const band = pools * row + ARROW + 10;
    const bands = Math.ceil(slots / perBand);
    if (bands > 1 && bands * band > MOST_HEIGHT && row > 1) continue;
    const even = width / perBand;
    return {
      pools,
      slots,
      perBand,
      column: Math.min(36, even >= 6 ? Math.floor(even) : even),
      row,
      bands,
      band,
    };
  }
}

function cornerOf(slot) {
  const { perBand, column, band } = arenas.layout;
  return { x: (slot % perBand) * column, y: Math.floor(slot / perBand) * band };
}

function poolColor({ kind, share }) {
  if (kind === NEVER) return theme.color("never");
  if (kind === EMPTY) return theme.color("empty");
  if (arenas.mode === "occupancy") return shade(share);
  return shade((kind - FIRST_CLASS + 0.5) / (512 / arenas.map.alignment));
}

// Colours by kind and share, looked up once a drawing.
function colorTable() {
  const table = new Map();
  return (kind, share) => {
    const key = (kind << 8) | Math.round(share * 255);
    if (!table.has(key)) table.set(key, poolColor({ kind, share }));
    return table.get(key);
  };
}

function drawArena(context, moment, k, colorOf) {
  const { pools, row, column } = arenas.layout;
  const { x, y } = cornerOf(moment.slots[k]);
  const gap = column >= 6 ? 1 : 0;
  for (let pool = 0; pool < pools; ++pool) {
    const { kind, share } = poolOf(moment, k, pool);
    if (kind === LOST) continue;
    context.fillStyle = colorOf(kind, share);
    context.fillRect(x, y + pool * row, column - gap, row - (row >= 4 ? 1 : 0));
  }
  if (!isPinned(moment, k)) return;
  markPinned(context, x, y, column - gap);
}

// A frame around the arena and an arrow below it.
function markPinned(context, x, y, width) {
  const { pools, row, column } = arenas.layout;
  context.strokeStyle = theme.color("pinned");
  context.lineWidth = column >= 14 ? 2 : 1;
  if (column >= 4) context.strokeRect(x + 0.5, y + 0.5, width - 1, pools * row - 1);
  context.fillStyle = theme.color("pinned");
  context.beginPath();
  const middle = x + width / 2;
  const half = Math.min(5, Math.max(2, column / 2));
  const top = y + pools * row + 2;
  context.moveTo(middle, top);
  context.lineTo(middle + half, top + ARROW - 2);
  context.lineTo(middle - half, top + ARROW - 2);
  context.fill();
}

function drawMap() {
  const canvas = byId("arenas-canvas");
  const width = byId("arenas-map").clientWidth;
  if (arenas.map === null || width === 0) return;
  arenas.layout = layoutFor(width);
  const height = arenas.layout.bands * arenas.layout.band;
  const density = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(density, density);
  const moment = momentAt(arenas.moment);
  const colorOf = colorTable();
  for (let slot = 0; slot < arenas.layout.slots; ++slot) outline(context, slot);
  for (let k = 0; k < moment.slots.length; ++k) drawArena(context, moment, k, colorOf);
  if (arenas.picked !== null) drawPicked(context);
  describeMoment(moment);
}

// A slot, whether an arena is in it or not.
function outline(context, slot) {
  const { pools, row, column } = arenas.layout;
  const { x, y } = cornerOf(slot);
  context.strokeStyle = theme.color("grid");
  context.lineWidth = 1;
  context.strokeRect(x + 0.5, y + 0.5, Math.max(1, column - 2), pools * row - 1);
}

function drawPicked(context) {
  const { row, column } = arenas.layout;
  const { x, y } = cornerOf(arenas.picked.slot);
  context.strokeStyle = theme.color("text");
  context.lineWidth = 2;
  context.strokeRect(x - 1, y + arenas.picked.pool * row - 1, Math.max(4, column + 1), Math.max(4, row + 1));
}
