// The verdict: the advice's sentences if the page has them, else what the comparison comes to.

const VERDICT_PARTS = [
  { title: "What it gains and costs", topics: ["memory", "time", "others", "debug"] },
  { title: "Where the memory goes", topics: ["where", "lines"] },
  { title: "What keeps arenas mapped", topics: ["pinned"] },
  { title: "What no setting will fix", topics: ["limits"] },
  { title: "What to know about these figures", topics: ["caution"] },
];

function sentenceList(sentences) {
  return make("ul", { class: "sentences" }, ...sentences.map((sentence) => make("li", {}, sentence)));
}

function drawVerdict() {
  const advice = embedded("advice");
  const body = byId("verdict-body");
  const own = make(
    "div",
    {},
    advice === null ? null : make("h3", {}, "The settings measured here"),
    sentenceList(view.trace.sentences),
  );
  if (advice !== null) {
    body.replaceChildren(...adviceParts(advice), own);
    return;
  }
  const hint = make(
    "p",
    { class: "muted fine" },
    "For what to set, where the memory goes and what keeps arenas mapped: ",
    make("code", {}, `pymemlab advise --format json ${view.trace.document.path} > advice.json`),
    ", then ",
    make("code", {}, "pymemlab report results.json --advice advice.json"),
    ".",
  );
  body.replaceChildren(own, hint);
}

// Sentences by part, in their order; one whose topic this page does not know stays with those before it.
function sentencesByPart(advice) {
  const parts = VERDICT_PARTS.map((part) => ({ ...part, sentences: [] }));
  let current = parts[0];
  for (const { topic, text } of advice.sentences) {
    if (topic === "set") continue;
    current = parts.find((part) => part.topics.includes(topic)) ?? current;
    current.sentences.push(text);
  }
  return parts.filter((part) => part.sentences.length > 0);
}

function adviceParts(advice) {
  const program = [advice.program, advice.python ? `CPython ${advice.python}` : null].filter(Boolean);
  const set = advice.sentences.filter((sentence) => sentence.topic === "set");
  const parts = [
    make("p", { class: "muted" }, `${program.join(", ")}: ${count(advice.requests)} requests`),
    ...set.map(({ text }) => make("p", { class: "lead" }, text)),
  ];
  if (advice.environment.length > 0) parts.push(environmentLines(advice.environment));
  for (const part of sentencesByPart(advice)) {
    parts.push(make("h3", {}, part.title), sentenceList(part.sentences));
    const table = part.topics.includes("pinned") ? pinningTable(advice.pinning) : null;
    if (table !== null) parts.push(table);
  }
  return parts;
}

function environmentLines(lines) {
  const text = lines.join("\n");
  const button = make("button", { type: "button", onclick: () => copyText(text, button) }, "Copy");
  return make("div", { class: "environment" }, make("pre", {}, text), button);
}

function copyText(text, button) {
  const done = () => (button.textContent = "Copied");
  if (navigator.clipboard) {
    navigator.clipboard.writeText(text).then(done, () => (button.textContent = "Could not copy"));
    return;
  }
  const range = document.createRange();
  range.selectNodeContents(button.previousSibling);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  button.textContent = "Selected";
}

function pinningTable(pinning) {
  const groups = (pinning?.groups ?? []).filter((group) => group.arenas_alone > 0);
  if (groups.length === 0) return null;
  const epochs = (group) =>
    group.first_epoch === group.last_epoch
      ? `${group.first_epoch}`
      : `${group.first_epoch} to ${group.last_epoch}`;
  const columns = [
    ["size class", (group) => count(group.block_bytes)],
    ["blocks", (group) => count(group.blocks)],
    [`epochs of ${pinning.epochs}`, epochs],
    ["arenas of their own", (group) => count(group.arenas_alone)],
    [
      "freeing them returns",
      (group) => `${bytes(group.returned_bytes)} (${count(group.returned_bytes)} bytes)`,
    ],
  ];
  const head = make(
    "tr",
    {},
    make("th", { class: "name" }, "asked for at"),
    ...columns.map(([title]) => make("th", {}, title)),
  );
  const rows = groups.map((group) =>
    make(
      "tr",
      {},
      make("td", { class: "name" }, group.site ?? "(unknown)"),
      ...columns.map(([, show]) => make("td", {}, show(group))),
    ),
  );
  const table = make("table", { id: "pinning-table" }, make("thead", {}, head), make("tbody", {}, ...rows));
  return make(
    "div",
    { class: "scroll", tabIndex: 0, role: "region", ariaLabel: "Blocks that keep arenas mapped" },
    table,
  );
}
