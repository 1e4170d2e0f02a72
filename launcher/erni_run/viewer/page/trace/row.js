/** @file One row of the waterfall. Its elements are made once and used for one row after the other. */

import { fill, h } from "/page/element.js";
import { paint } from "/page/colour.js";
import * as format from "/page/format.js";
import { detailOf, errorText, titleOf, tokensOf } from "/page/trace/roles.js";
import { bodyText, severityOf } from "/page/trace/logs.js";

const MARKS = { handoff: "handoff", agent: "agent", model: "model", tool: "tool", workflow: "workflow" };

/**
 * @typedef {object} Drawing what a row needs to know of the page
 * @property {(time: number) => number} place where a time stands on the axis, 0 to 1
 * @property {import("/page/trace/critical.js").CriticalPath | null} critical null if it is not shown
 * @property {(span: import("/page/trace/model.js").Span) => boolean} isHit
 * @property {boolean} isSearching
 * @property {number} duration of the trace
 * @property {string} selected id of a span
 */

/** @returns {HTMLElement} an empty row */
export function createRow() {
  const parts = {
    guides: h("span", { class: "guides" }),
    twisty: h("button", { type: "button", class: "twisty", tabindex: "-1" }),
    mark: h("span", { class: "role-mark" }),
    title: h("span", { class: "title" }),
    detail: h("span", { class: "detail" }),
    badge: h("span", { class: "badge" }),
    duration: h("div", { class: "cell number", role: "gridcell" }),
    self: h("div", { class: "cell number self", role: "gridcell" }),
    track: h("div", { class: "track" }),
  };
  const { guides, twisty, mark, title, detail, badge, duration, self, track } = parts;
  const row = h(
    "div",
    { class: "row", role: "row" },
    h(
      "div",
      { class: "cell name", role: "gridcell" },
      guides,
      twisty,
      h("span", { class: "swatch" }),
      mark,
      title,
      badge,
      detail,
    ),
    duration,
    self,
    h("div", { class: "cell time", role: "gridcell" }, track),
  );
  return Object.assign(row, { parts });
}

/**
 * @param {any} element made by {@link createRow}
 * @param {import("/page/trace/rows.js").Row} row
 * @param {number} index
 * @param {Drawing} drawing
 */
export function drawRow(element, row, index, drawing) {
  element.id = `row-${index}`;
  element.setAttribute("aria-rowindex", String(index + 2));
  element.setAttribute("aria-level", String(row.depth + 1));
  element.dataset.index = String(index);
  element.parts.guides.style.setProperty("--depth", String(row.depth));
  drawTwisty(element, row.type === "log" ? null : row.isOpen);
  if (row.type === "log") drawLog(element, row.log, drawing);
  else if (row.type === "fold") drawFold(element, row, drawing);
  else drawSpan(element, row, drawing);
}

function drawTwisty(element, isOpen) {
  const { twisty } = element.parts;
  twisty.textContent = isOpen === null ? "" : isOpen ? "▾" : "▸";
  twisty.disabled = isOpen === null;
  twisty.setAttribute("aria-label", isOpen ? "Close" : "Open");
  if (isOpen === null) element.removeAttribute("aria-expanded");
  else element.setAttribute("aria-expanded", String(isOpen));
}

function drawSpan(element, { span, isOpen }, drawing) {
  const { parts } = element;
  const isHit = drawing.isSearching && drawing.isHit(span);
  classes(element, {
    span: true,
    error: span.isError,
    selected: span.id === drawing.selected,
    hit: isHit,
    dimmed: drawing.isSearching && !isHit,
    [`role-${span.role}`]: span.role,
    orphan: span.isOrphan,
  });
  element.setAttribute("aria-selected", String(span.id === drawing.selected));
  paint(element, span.raw.service);
  parts.mark.textContent = MARKS[span.role] ?? "";
  parts.title.textContent = titleOf(span);
  parts.title.title = `${span.raw.name} · ${span.raw.service}`;
  parts.detail.textContent = [errorText(span), tokenText(span) || detailOf(span)].filter(Boolean).join(" · ");
  drawBadge(parts.badge, span, isOpen);
  parts.duration.textContent = format.duration(span.duration);
  parts.self.textContent = format.duration(span.self);
  parts.self.style.setProperty("--heat", (span.self / drawing.duration).toFixed(3));
  fill(parts.track, bar("bar", span.start, span.end, drawing), ...sections(span, drawing), ...ticks(span, drawing));
}

function drawBadge(badge, span, isOpen) {
  const hidden = isOpen === false ? span.last - span.order : 0;
  const errors = isOpen === false ? span.errorsBelow : 0;
  badge.className = span.isError || errors ? "badge error" : "badge";
  badge.textContent = [
    span.isError && "error",
    hidden > 0 && `+${format.count(hidden)}`,
    errors > 0 && format.counted(errors, "error"),
    span.isOrphan && "parent missing",
  ]
    .filter(Boolean)
    .join(" ");
  badge.hidden = !badge.textContent;
}

function tokenText(span) {
  const tokens = span.role === "model" ? tokensOf(span) : null;
  return tokens ? `${format.count(tokens.input, true)} → ${format.count(tokens.output, true)} tokens` : "";
}

function drawFold(element, { fold }, drawing) {
  const { parts } = element;
  const hits = drawing.isSearching ? fold.spans.filter(drawing.isHit).length : 0;
  classes(element, {
    fold: true,
    hit: hits > 0,
    dimmed: drawing.isSearching && !hits,
    selected: fold.spans.some((span) => span.id === drawing.selected),
  });
  element.setAttribute("aria-selected", "false");
  paint(element, fold.spans[0].raw.service);
  parts.mark.textContent = `${format.count(fold.spans.length)} ×`;
  parts.title.textContent = fold.title;
  parts.title.title = `${fold.title}, longest ${format.duration(fold.longest)}`;
  parts.detail.textContent = fold.detail;
  parts.badge.hidden = true;
  parts.duration.textContent = format.duration(fold.total);
  parts.self.textContent = "";
  parts.self.style.setProperty("--heat", "0");
  fill(parts.track, foldedBars(fold, drawing));
}

/** The folded spans' bars; those that would touch on the screen are one. */
function foldedBars(fold, drawing) {
  const bars = [];
  for (const span of fold.spans) {
    const [from, to] = [drawing.place(span.start), drawing.place(span.end)];
    const before = bars.at(-1);
    if (before && from - before.to < 0.003) before.to = Math.max(before.to, to);
    else bars.push({ from, to });
  }
  return bars.filter(({ from, to }) => to >= 0 && from <= 1).map(({ from, to }) => strip("bar", from, to));
}

function drawLog(element, log, drawing) {
  const { parts } = element;
  const severity = severityOf(log.raw);
  classes(element, {
    log: true,
    [`severity-${severity}`]: true,
    dimmed: drawing.isSearching && !(log.span && drawing.isHit(log.span)),
  });
  element.setAttribute("aria-selected", "false");
  parts.mark.textContent = severity;
  parts.title.textContent = bodyText(log.raw);
  parts.title.title = "";
  parts.detail.textContent = Object.entries(log.raw.attributes)
    .map(([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join("  ");
  parts.badge.hidden = true;
  parts.duration.textContent = "";
  parts.self.textContent = "";
  parts.self.style.setProperty("--heat", "0");
  fill(parts.track, point("log-tick", log.time, drawing));
}

function sections(span, drawing) {
  return (drawing.critical?.get(span) ?? []).map(({ from, to }) => bar("critical", from, to, drawing));
}

function ticks(span, drawing) {
  return span.raw.events.length > 40
    ? []
    : span.raw.events.map((event) =>
        point(
          event.name === "exception" ? "event-tick exception-tick" : "event-tick",
          timeOfEvent(span, event),
          drawing,
        ),
      );
}

/** When an event happened, in nanoseconds since the trace began. */
export function timeOfEvent(span, event) {
  return span.start + Number(BigInt(event.time) - BigInt(span.raw.start));
}

function bar(kind, start, end, drawing) {
  const [from, to] = [drawing.place(start), drawing.place(end)];
  return to < 0 || from > 1 ? null : strip(kind, from, to);
}

function strip(kind, from, to) {
  const [left, right] = [Math.max(0, from), Math.min(1, to)];
  return h("span", { class: kind, css: { left: percent(left), width: percent(right - left) } });
}

function point(kind, time, drawing) {
  const at = drawing.place(time);
  return at < 0 || at > 1 ? null : h("span", { class: kind, css: { left: percent(at) } });
}

function percent(share) {
  return `${(share * 100).toFixed(3)}%`;
}

function classes(element, states) {
  element.className = ["row", ...Object.keys(states).filter((name) => states[name])].join(" ");
}
