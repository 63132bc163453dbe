// Starts the page: titles, sections, and everything that draws.

function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return make(
    "dl",
    { class: "facts" },
    ...known.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))]),
  );
}

function drawTitle() {
  const { document: trace } = view.trace;
  const { summary } = trace;
  const parts = [
    summary.python ? `CPython ${summary.python}` : null,
    `${count(summary.events)} events`,
    isNumber(summary.peak_live_bytes) ? `${bytes(summary.peak_live_bytes)} live at the peak` : null,
    plural(view.trace.cells.length, "setting", "settings"),
  ];
  byId("title").textContent = baseName(trace.path);
  byId("subtitle").textContent = parts.filter(Boolean).join(" \u00b7 ");
  window.document.title = `${baseName(trace.path)} \u00b7 pymemlab report`;
}

function drawRun() {
  const { context } = embedded("results");
  const { document: trace } = view.trace;
  byId("run-body").replaceChildren(
    facts([
      ["command", (context.command ?? []).join(" ")],
      ["started", context.started],
      ["seed", context.seed],
      ["trace", `${trace.path} (digest ${trace.digest})`],
      ["replayed", view.trace.heading.replace(/^.*?: /, "")],
      ["damage", trace.summary.damage],
      ["approximate", trace.summary.approximate],
      [
        "machine",
        [context.host, context.cpu, context.cpus ? plural(context.cpus, "CPU", "CPUs") : null]
          .filter(Boolean)
          .join(", "),
      ],
      ["caches", context.caches],
      ["kernel", context.kernel],
      ["libc", context.libc],
      [
        "pymemlab",
        [context.pymemlab, context.revision, context.compiler, context.build_type].filter(Boolean).join(", "),
      ],
    ]),
    byId("arenas").hidden
      ? make(
          "p",
          { class: "muted fine" },
          "No arena map: ",
          make("code", {}, "pymemlab replay --arena-map"),
          " keeps one where pymalloc is modelled.",
        )
      : "",
    ...(context.left_out ?? []).map((sentence) =>
      make("p", { class: "muted fine" }, `Left out: ${sentence}`),
    ),
  );
}

function drawSections() {
  const links = [...document.querySelectorAll("main > section")]
    .filter((section) => !section.hidden)
    .map((section) => make("a", { href: `#${section.id}` }, section.dataset.short));
  byId("sections").replaceChildren(...links);
}

function startTraces() {
  view.traces = readTraces();
  view.trace = view.traces[0] ?? null;
  const select = byId("trace");
  select.replaceChildren(...view.traces.map((trace) => make("option", {}, baseName(trace.document.path))));
  select.onchange = () => view.choose(view.traces[select.selectedIndex]);
  byId("trace-choice").hidden = view.traces.length < 2;
}

function start() {
  theme.start();
  startTraces();
  if (view.trace === null) {
    byId("title").textContent = "No cells";
    byId("verdict-body").textContent = "The results document has no measured cells.";
    for (const section of document.querySelectorAll("main > section:not(#verdict)")) section.hidden = true;
    return;
  }
  view.traceListeners.push(drawTitle, drawVerdict, drawCells);
  theme.listeners.push(drawCells);
  for (const begin of [startFootprint, startTime, startLatency, startClasses, startArenas]) begin();
  view.listeners.push(drawRun, drawSections);
  view.choose(view.trace);
}

start();
