// What is around the arena map: the moment and the pool in words, the slider, the keys, the legend.

function describeMoment(moment) {
  const { arena_bytes: arenaBytes } = arenas.map;
  const pinned = moment.slots.map((slot, k) => k).filter((k) => isPinned(moment, k));
  const used = moment.used_bytes.reduce((sum, value) => sum + value, 0);
  const blocks = pinned.reduce((sum, k) => sum + moment.live_blocks[k], 0);
  const mapped = moment.slots.length * arenaBytes;
  let text =
    `${bytes(moment.allocated_bytes)} requested, event ${count(moment.event)}${arenas.moment === peakMoment() ? " (the peak)" : ""}: ` +
    `${plural(moment.slots.length, "arena", "arenas")}, ${bytes(mapped)}, ${percent(mapped > 0 ? used / mapped : null)} live.`;
  if (pinned.length > 0)
    text += ` ${plural(pinned.length, "arena is", "arenas are")} pinned by ${plural(blocks, "block", "blocks")}: ${bytes(pinned.length * arenaBytes)}.`;
  byId("arenas-text").textContent = text;
  describePool(moment);
}

function describePool(moment) {
  const out = byId("arenas-pool");
  if (arenas.picked === null) {
    out.textContent = "Point at a pool, or move there with the arrow keys, to see what is in it.";
    return;
  }
  const { slot, pool } = arenas.picked;
  const k = moment.slots.indexOf(slot);
  if (k < 0) {
    out.textContent = `Slot ${slot}: no arena at this moment.`;
    return;
  }
  const { kind, share } = poolOf(moment, k, pool);
  const what =
    { [NEVER]: "never used", [EMPTY]: "empty", [LOST]: "no pool, lost to the arena's alignment" }[kind] ??
    `blocks of ${(kind - FIRST_CLASS + 1) * arenas.map.alignment} bytes, ${percent(share, 0)} live`;
  out.textContent =
    `Arena ${count(moment.ordinals[k] + 1)} of those requested (slot ${slot}), pool ${pool}: ${what}. ` +
    `The arena: ${plural(moment.live_blocks[k], "live block", "live blocks")}, ${bytes(moment.used_bytes[k])}, ` +
    `${percent(moment.used_bytes[k] / arenas.map.arena_bytes)}${isPinned(moment, k) ? ": pinned" : ""}.`;
}

function peakMoment() {
  let peak = 0;
  arenas.moments.forEach((moment, i) => {
    if (moment.slots.length > arenas.moments[peak].slots.length) peak = i;
  });
  const exact = arenas.moments.findIndex((moment) => moment.event === arenas.cell.memory.peak.event);
  return exact < 0 ? peak : exact;
}

// The moment at which the most arenas are pinned; null if never one is.
function mostPinnedMoment() {
  const counts = arenas.moments.map((moment) => moment.slots.filter((slot, k) => isPinned(moment, k)).length);
  const most = Math.max(...counts);
  return most === 0 ? null : counts.indexOf(most);
}

function pickAt(event) {
  const box = byId("arenas-canvas").getBoundingClientRect();
  const { perBand, column, row, band, pools, slots } = arenas.layout;
  const across = Math.floor((event.clientX - box.left) / column);
  const down = event.clientY - box.top;
  const slot = Math.floor(down / band) * perBand + across;
  const pool = Math.floor((down % band) / row);
  if (across < 0 || across >= perBand || slot < 0 || slot >= slots || pool < 0 || pool >= pools) return;
  arenas.picked = { slot, pool };
  drawMap();
}

function mapKey(event) {
  const { slots, pools } = arenas.layout;
  const picked = arenas.picked ?? { slot: 0, pool: 0 };
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (!(event.key in moves)) return;
  event.preventDefault();
  const [across, down] = arenas.picked === null ? [0, 0] : moves[event.key];
  arenas.picked = {
    slot: Math.min(slots - 1, Math.max(0, picked.slot + across)),
    pool: Math.min(pools - 1, Math.max(0, picked.pool + down)),
  };
  drawMap();
}

function showMoment(i) {
  arenas.moment = i;
  const slider = byId("arenas-moment");
  slider.value = String(i);
  slider.setAttribute("aria-valuetext", `${bytes(arenas.moments[i].allocated_bytes)} requested`);
  drawMap();
}

function play() {
  if (arenas.timer !== 0) return stop();
  if (arenas.moment === arenas.moments.length - 1) showMoment(0);
  byId("arenas-play").textContent = "Pause";
  arenas.timer = setInterval(() => {
    showMoment(Math.min(arenas.moment + 1, arenas.moments.length - 1));
    if (arenas.moment === arenas.moments.length - 1) stop();
  }, 250);
}

function stop() {
  clearInterval(arenas.timer);
  arenas.timer = 0;
  byId("arenas-play").textContent = "Play";
}

function gradient(shares) {
  const canvas = make("canvas", { width: 120, height: 12 });
  const context = canvas.getContext("2d");
  for (let x = 0; x < 120; ++x) {
    context.fillStyle = shade(shares(x / 119));
    context.fillRect(x, 0, 1, 12);
  }
  return canvas;
}

function drawLegend() {
  const ends =
    arenas.mode === "occupancy" ? ["nearly empty", "full"] : [`${arenas.map.alignment} bytes`, "512 bytes"];
  const key = (color, text) => make("span", {}, swatch(theme.color(color)), text);
  byId("arenas-legend").replaceChildren(
    make(
      "span",
      {},
      ends[0],
      gradient((x) => x),
      ends[1],
    ),
    key("empty", "empty pool"),
    key("pinned", "pinned arena: less than 5 % live"),
    make(
      "span",
      {},
      plural(arenas.moments.length, "moment", "moments"),
      arenas.map.note ? `: ${arenas.map.note}` : "",
    ),
  );
}

function showCell(cell) {
  stop();
  Object.assign(arenas, { cell, map: cell.arenaMap, picked: null });
  arenas.moments = arenas.map.moments;
  byId("arenas-moment").max = String(arenas.moments.length - 1);
  byId("arenas-most").hidden = mostPinnedMoment() === null;
  drawLegend();
  showMoment(peakMoment());
}

function drawArenas() {
  const cells = view.trace.cells.filter((cell) => cell.hasArenaMap);
  byId("arenas").hidden = cells.length === 0;
  if (cells.length === 0) return;
  const { cell: cellBefore, moment } = arenas;
  showCell(cellChoice("arenas-cell", cells, drawArenas));
  if (arenas.cell === cellBefore) showMoment(moment);
}

function startArenas() {
  choice(
    "arenas-mode",
    "Colours say",
    [
      { value: "occupancy", text: "Occupancy" },
      { value: "class", text: "Size class" },
    ],
    arenas.mode,
    (mode) => {
      arenas.mode = mode;
      drawLegend();
      drawMap();
    },
  );
  byId("arenas-moment").oninput = (event) => showMoment(Number(event.target.value));
  byId("arenas-play").onclick = play;
  byId("arenas-peak").onclick = () => showMoment(peakMoment());
  byId("arenas-most").onclick = () => showMoment(mostPinnedMoment());
  byId("arenas-canvas").addEventListener("pointermove", pickAt);
  byId("arenas-canvas").addEventListener("pointerdown", pickAt);
  byId("arenas-map").addEventListener("keydown", mapKey);
  window.addEventListener("resize", drawMap);
  whenViewChanges(drawArenas);
}
