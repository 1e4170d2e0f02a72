/** @file One line of the comparison: what both traces did at the same place, and how they differ. */

import { paint } from "/page/colour.js";
import { fill, h } from "/page/element.js";
import * as format from "/page/format.js";

/** @returns {HTMLElement} an empty row */
export function createLine() {
  const parts = {
    name: h("div", { class: "cell name", role: "cell" }),
    a: h("div", { class: "cell number", role: "cell" }),
    b: h("div", { class: "cell number", role: "cell" }),
    difference: h("div", { class: "cell number", role: "cell" }),
    change: h("div", { class: "cell change", role: "cell" }),
  };
  return Object.assign(h("div", { class: "compare-row", role: "row" }, Object.values(parts)), { parts });
}

/**
 * @param {any} row made by {@link createLine}
 * @param {import("/page/merge.js").Line} line
 * @param {{traces: import("/page/trace/model.js").Trace[], most: number, isCurrent: boolean}} around `most` is the
 *   largest difference, in nanoseconds
 */
export function drawLine(row, line, { traces, most, isCurrent }) {
  const { parts } = row;
  const [inA, inB] = line.spans;
  row.className = [
    "compare-row",
    !inB.length && "only-a",
    !inA.length && "only-b",
    isCurrent && "current",
    line.spans.flat().some((span) => span.isError) && "error",
  ]
    .filter(Boolean)
    .join(" ");
  paint(row, line.service);
  fill(
    parts.name,
    h("span", { class: "guides", css: { "--depth": String(line.depth) } }),
    h("span", { class: "swatch" }),
    h("span", { class: "title", title: `${line.name} · ${line.service}` }, line.name || "(no name)"),
    !inB.length && h("span", { class: "badge" }, "only in A"),
    !inA.length && h("span", { class: "badge" }, "only in B"),
  );
  fill(parts.a, side(inA, line.totals[0], traces[0]));
  fill(parts.b, side(inB, line.totals[1], traces[1]));
  fill(parts.difference, difference(line.difference));
  const share = (50 * Math.abs(line.difference)) / most;
  fill(
    parts.change,
    share > 0 &&
      h("span", {
        class: line.difference > 0 ? "slower" : "faster",
        css: line.difference > 0 ? { left: "50%", width: `${share}%` } : { right: "50%", width: `${share}%` },
      }),
  );
}

function side(spans, total, trace) {
  if (!spans.length) return h("span", { class: "faint" }, "–");
  return [
    spans.length > 1 && h("span", { class: "faint" }, `${format.count(spans.length)} × `),
    h("a", { href: `/trace/${trace.id}/${longest(spans).id}` }, format.duration(total)),
  ];
}

function longest(spans) {
  return spans.reduce((best, span) => (span.duration > best.duration ? span : best));
}

/** A difference in time, coloured by whether it is for the better. */
export function difference(nanoseconds) {
  return h(
    "span",
    { class: nanoseconds > 0 ? "slower-text" : nanoseconds < 0 ? "faster-text" : "faint" },
    format.difference(nanoseconds),
  );
}

/** Whether a line is in one trace only, or differs by more than a tenth and by a hundredth of the whole. */
export function isDifferent(line, traces) {
  if (line.spans.some((spans) => !spans.length) || line.spans[0].length !== line.spans[1].length) return true;
  const size = Math.abs(line.difference);
  return size > 0.1 * Math.max(...line.totals) && size > 0.01 * Math.max(...traces.map((trace) => trace.duration));
}
