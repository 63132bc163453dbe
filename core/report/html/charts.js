// What all charts have in common.

const charts = [];

// A chart in the element with that id. `describe` gives its option; a null hides the element.
function makeChart(id, describe) {
  const element = byId(id);
  const chart = {
    element,
    instance: null,
    draw() {
      const option = describe();
      element.hidden = option === null;
      if (option === null) return;
      if (chart.instance === null) chart.instance = echarts.init(element);
      else fit(chart.instance, element);
      chart.instance.setOption({ ...common(), ...option }, { notMerge: true });
    },
  };
  charts.push(chart);
  return chart;
}

function fit(instance, element) {
  const changed =
    instance.getWidth() !== element.clientWidth || instance.getHeight() !== element.clientHeight;
  if (changed) instance.resize();
}

let resizing = 0;
window.addEventListener("resize", () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(() => {
    for (const chart of charts) {
      if (chart.instance !== null) chart.draw();
    }
  });
});

function isNarrow() {
  return window.innerWidth < 640;
}

function common() {
  return {
    animation: false,
    textStyle: {
      fontFamily: getComputedStyle(document.body).fontFamily,
      color: theme.color("text"),
      fontSize: 13,
    },
    backgroundColor: "transparent",
  };
}

function axis(extra) {
  const muted = theme.color("muted");
  return {
    axisLine: { lineStyle: { color: theme.color("line") } },
    axisTick: { lineStyle: { color: theme.color("line") } },
    axisLabel: { color: muted, fontSize: 12, hideOverlap: true, ...extra.label },
    nameTextStyle: { color: muted, fontSize: 12, ...extra.nameText },
    splitLine: { lineStyle: { color: theme.color("grid") } },
    ...extra.axis,
  };
}

// The names of lines or bars, in colour.
function seriesLegend(names) {
  return {
    type: "scroll",
    top: 0,
    left: 0,
    icon: "roundRect",
    itemWidth: 14,
    itemHeight: 14,
    textStyle: { color: theme.color("text") },
    pageTextStyle: { color: theme.color("muted") },
    pageIconColor: theme.color("accent"),
    data: names,
  };
}

// A tooltip whose content is elements, so that no name is taken for markup.
function tooltip(content, extra = {}) {
  return {
    confine: true,
    backgroundColor: theme.color("card"),
    borderColor: theme.color("line"),
    textStyle: { color: theme.color("text"), fontSize: 13 },
    extraCssText: "max-width: 90vw;",
    formatter: content,
    ...extra,
  };
}

// Rows of a tooltip: [color or null, label, value].
function tipRows(title, rows) {
  const body = rows.map(([color, label, value]) =>
    make("tr", {}, make("td", {}, color === null ? null : swatch(color), ` ${label}`), make("td", {}, value)),
  );
  return make(
    "div",
    { class: "tip" },
    make("strong", {}, title),
    make("table", {}, make("tbody", {}, ...body)),
  );
}

// A horizontal bar chart's height: so many rows of so many pixels.
function setRows(id, rows, rowPixels, rest) {
  byId(id).style.height = `${rows * rowPixels + rest}px`;
}

// Pixels for names beside an axis, and names short enough for them.
function nameColumn(names) {
  const most = isNarrow() ? 110 : 230;
  const context = (nameColumn.canvas ??= document.createElement("canvas")).getContext("2d");
  context.font = `13px ${getComputedStyle(document.body).fontFamily}`;
  const widest = Math.max(...names.map((name) => context.measureText(name).width), 40);
  return Math.min(most, Math.ceil(widest) + 14);
}

// One row a cell, by name, the first on top.
function nameAxis(names) {
  return axis({
    axis: { type: "category", data: names, inverse: true, axisTick: { show: false } },
    label: {
      color: theme.color("text"),
      width: nameColumn(names) - 12,
      overflow: "truncate",
      fontSize: 13,
    },
  });
}
