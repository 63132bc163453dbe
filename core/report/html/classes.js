// Size classes of one cell at its peak: bytes in live and in free blocks.

const classes = { cell: null, chart: null };

function classedCells() {
  return view.shown().filter((cell) => cell.memory !== null && cell.memory.size_classes_at_peak.length > 0);
}

function describeClasses() {
  if (classes.cell === null) return null;
  const rows = classes.cell.memory.size_classes_at_peak;
  const live = rows.map((row) => row.live_blocks * row.block_bytes);
  const free = rows.map((row) => row.available_blocks * row.block_bytes);
  const scale = byteScale(Math.max(...live.map((value, i) => value + free[i]), 1));
  const bars = (name, values, color, radius) => ({
    type: "bar",
    stack: "class",
    name,
    data: values.map((value) => value / scale.divisor),
    barCategoryGap: "18%",
    itemStyle: { color: theme.color(color), borderRadius: radius },
  });
  return {
    grid: { left: isNarrow() ? 48 : 60, right: 16, top: 52, bottom: 44 },
    legend: seriesLegend(["live blocks", "free blocks"]),
    tooltip: tooltip((points) => classTip(rows[points[0].dataIndex]), {
      trigger: "axis",
      axisPointer: { type: "shadow" },
    }),
    xAxis: axis({
      axis: {
        type: "category",
        data: rows.map((row) => String(row.block_bytes)),
        name: "block size, bytes",
        nameLocation: "middle",
        nameGap: 26,
      },
    }),
    yAxis: axis({
      axis: { type: "value", name: scale.unit, min: 0 },
      nameText: { align: "left", padding: [0, 0, 0, isNarrow() ? -36 : -46] },
    }),
    series: [bars("live blocks", live, "live", 0), bars("free blocks", free, "structural", [3, 3, 0, 0])],
  };
}

function classTip(row) {
  return tipRows(`${row.block_bytes} bytes`, [
    [
      theme.color("live"),
      "live blocks",
      `${count(row.live_blocks)}, ${bytes(row.live_blocks * row.block_bytes)}`,
    ],
    [
      theme.color("structural"),
      "free blocks",
      `${count(row.available_blocks)}, ${bytes(row.available_blocks * row.block_bytes)}`,
    ],
    [null, "pools", count(row.pools)],
    [null, "utilisation", percent(row.utilisation)],
  ]);
}

function classesNote(rows) {
  const live = rows.reduce((sum, row) => sum + row.live_blocks * row.block_bytes, 0);
  const free = rows.reduce((sum, row) => sum + row.available_blocks * row.block_bytes, 0);
  const emptiest = rows.reduce((most, row) =>
    row.available_blocks * row.block_bytes > most.available_blocks * most.block_bytes ? row : most,
  );
  return (
    `${bytes(live)} in live blocks and ${bytes(free)} in free ones: ${percent(live + free > 0 ? live / (live + free) : null)} of what the ` +
    `used pools hold. Most of what is free, ${bytes(emptiest.available_blocks * emptiest.block_bytes)}, has blocks of ${emptiest.block_bytes} bytes.`
  );
}

function drawClasses() {
  const cells = classedCells();
  byId("classes").hidden = cells.length === 0;
  classes.cell = cellChoice("classes-cell", cells, drawClasses);
  if (classes.cell === null) return;
  byId("classes-note").textContent = classesNote(classes.cell.memory.size_classes_at_peak);
  classes.chart.draw();
}

function startClasses() {
  classes.chart = makeChart("classes-chart", describeClasses);
  whenViewChanges(drawClasses);
}
