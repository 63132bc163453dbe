"use strict";
// Figures as text, and elements. Whatever comes from the document goes in as text, never as markup.

const MINUS = "\u2212";
const NONE = "\u2013";

// An element with properties and children; a child that is a string becomes text.
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && key !== "style") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

function swatch(color) {
  const element = make("span", { class: "swatch", ariaHidden: "true" });
  element.style.background = color;
  return element;
}

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

function count(number) {
  return isNumber(number) ? grouped.format(number).replace("-", MINUS) : NONE;
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

function plural(number, one, many) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

const BYTE_UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

// 1234567 → "1.18 MiB": three digits that count.
function bytes(number) {
  if (!isNumber(number)) return NONE;
  const { unit, divisor } = byteScale(Math.abs(number));
  const value = Math.abs(number) / divisor;
  const sign = number < 0 ? MINUS : "";
  return `${sign}${divisor === 1 ? count(value) : threeDigits(value)} ${unit}`;
}

function threeDigits(value) {
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toFixed(digits);
}

// The unit in which `most` is at least 1, as for the axis of a chart: one unit for all labels.
function byteScale(most) {
  const unit = most < 1024 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(most) / 10));
  return { unit: BYTE_UNITS[unit], divisor: 1024 ** unit };
}

function nanoseconds(number) {
  if (!isNumber(number)) return NONE;
  if (number >= 1e9) return `${threeDigits(number / 1e9)} s`;
  if (number >= 1e6) return `${threeDigits(number / 1e6)} ms`;
  if (number >= 1e4) return `${threeDigits(number / 1e3)} µs`;
  return `${threeDigits(number)} ns`;
}

function percent(share, digits = 1) {
  return isNumber(share) ? `${(100 * share).toFixed(digits).replace("-", MINUS)} %` : NONE;
}

function baseName(path) {
  return String(path).replace(/\/+$/, "").replace(/^.*\//, "");
}

// Radio buttons that look like one switch, `chosen` pressed. Calls `changed` with what is then chosen.
function choice(id, label, values, chosen, changed) {
  const group = make("span", { class: "choice", role: "radiogroup", "aria-label": label });
  values.forEach(({ value, text }) => {
    const input = make("input", {
      type: "radio",
      name: id,
      value,
      checked: value === chosen,
      onchange: () => changed(value),
    });
    group.append(make("label", {}, input, make("span", {}, text)));
  });
  byId(id).replaceChildren(group);
}

// Fills a select element with cells, keeps what was chosen if it can, and returns that; null if there are none.
// Calls `changed` when another one is chosen.
function cellChoice(id, cells, changed) {
  const select = byId(id);
  const before = select.value;
  select.replaceChildren(...cells.map((cell) => make("option", { value: String(cell.index) }, cell.name)));
  if (cells.some((cell) => String(cell.index) === before)) select.value = before;
  select.onchange = changed;
  return cells[select.selectedIndex] ?? null;
}
